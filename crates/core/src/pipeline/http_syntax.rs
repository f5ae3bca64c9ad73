//! Syntax of URLs and header values, both in specs and in Secrets.

use url::Url;

/// Why a URL is refused. Never quotes the text, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UrlProblem {
    #[error("it does not begin with `http://` or `https://`")]
    Scheme,
    #[error("it contains a space or a control character")]
    Space,
    #[error("it is not a valid URL: {0}")]
    Malformed(url::ParseError),
}

/// Parses an absolute `http` or `https` URL strictly, without the repairs that URL parsers make.
pub(super) fn check_url(text: &str) -> Result<Url, UrlProblem> {
    if text.contains(|character: char| character.is_whitespace() || character.is_control()) {
        return Err(UrlProblem::Space);
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) {
        return Err(UrlProblem::Scheme);
    }
    Url::parse(text).map_err(UrlProblem::Malformed)
}

/// Validates a header's value. The message never quotes it, as it may be a secret.
pub(super) fn check_value(value: &str) -> Result<(), String> {
    let allowed = |character: char| matches!(character, ' '..='~' | '\t');
    match value.chars().find(|character| !allowed(*character)) {
        None => Ok(()),
        Some('\r' | '\n') => Err("it contains a line break, which a header cannot have".to_owned()),
        Some(_) => Err("it contains a character beyond printable ASCII, which a header cannot have".to_owned()),
    }
}
