//! The subset of markdown for templates: the parts that services write differently.
//!
//! | written | means |
//! |---|---|
//! | `**a**`, a line `# a` | bold |
//! | `_a_` | italic |
//! | `*a*` | what the service takes it for |
//! | `~~a~~` | struck through |
//! | `` `a` ``, ```` ```a``` ```` | code |
//! | `[a](https://…)` | a link |
//!
//! All else is text. What a template inserted is a [`HOLE`] here, so nothing from outside can be markup.

use protocol::template::{HOLE, Rendered, fill};

/// Maximum nesting of marks; deeper marks are text.
const MAX_DEPTH: u8 = 6;

/// What a link may lead to.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

/// A kind of markup, written as a pair of marks (a heading: as a line).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Heading,
    Bold,
    Star,
    Underscore,
    Strike,
    Code,
    Block,
}

impl Mark {
    /// Those that can stand anywhere in a line, and how they are written; longer ones first.
    const INLINE: [(Self, &str); 5] =
        [(Self::Bold, "**"), (Self::Strike, "~~"), (Self::Star, "*"), (Self::Underscore, "_"), (Self::Code, "`")];

    /// Whether the mark counts only at word boundaries: `snake_case` and `2*3` are text.
    fn is_of_words(self) -> bool {
        matches!(self, Self::Star | Self::Underscore)
    }
}

/// A piece of parsed markdown. Holes are filled in the order of the pieces; in a link, the label comes before the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    Open(Mark),
    Close(Mark),
    Link { label: &'a str, url: &'a str },
}

/// Parses markdown. Every `Open` has a matching `Close`, properly nested.
pub(crate) fn parse(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, block, after)) = block(rest) {
        lines(before, &mut pieces);
        pieces.extend([Piece::Open(Mark::Block), Piece::Text(block), Piece::Close(Mark::Block)]);
        rest = after;
    }
    lines(rest, &mut pieces);
    pieces
}

fn block(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("```")?;
    let (block, after) = rest.split_once("```")?;
    Some((before, block, after))
}

fn lines<'a>(text: &'a str, pieces: &mut Vec<Piece<'a>>) {
    for line in text.split_inclusive('\n') {
        let (content, end) = line.strip_suffix('\n').map_or((line, ""), |content| (content, "\n"));
        match heading(content) {
            Some(title) => {
                pieces.push(Piece::Open(Mark::Heading));
                inline(title, true, 1, pieces);
                pieces.push(Piece::Close(Mark::Heading));
            }
            None => inline(content, false, 0, pieces),
        }
        push_text(end, pieces);
    }
}

/// The title of a line that is a heading.
fn heading(line: &str) -> Option<&str> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    let title = title.strip_prefix(' ')?.trim();
    ((1..=6).contains(&level) && !title.is_empty()).then_some(title)
}

/// Parses a line, or the text between two marks. Within bold, `**` has no effect.
fn inline<'a>(text: &'a str, is_bold: bool, depth: u8, pieces: &mut Vec<Piece<'a>>) {
    // A mark without an end has none further on either. Remembering that keeps lines of many marks fast.
    let mut hopeless = [false; Mark::INLINE.len()];
    let (mut begin, mut at) = (0, 0);
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        if let Some((label, url, length)) = link(rest) {
            push_text(&text[begin..at], pieces);
            pieces.push(Piece::Link { label, url });
            at += length;
            begin = at;
            continue;
        }
        let found = Mark::INLINE.iter().enumerate().find(|(_, (_, written))| rest.starts_with(written));
        let Some((number, (mark, written))) = found else {
            at += next.len_utf8();
            continue;
        };
        let inner = at + written.len();
        if depth < MAX_DEPTH && !hopeless[number] && can_open(text, at, *mark, written) {
            if let Some(end) = end_of(text, inner, *mark, written) {
                push_text(&text[begin..at], pieces);
                between(*mark, &text[inner..end], is_bold, depth, pieces);
                at = end + written.len();
                begin = at;
                continue;
            }
            hopeless[number] = true;
        }
        at = inner;
    }
    push_text(&text[begin..], pieces);
}

fn between<'a>(mark: Mark, text: &'a str, is_bold: bool, depth: u8, pieces: &mut Vec<Piece<'a>>) {
    match mark {
        Mark::Bold if is_bold => inline(text, true, depth + 1, pieces),
        Mark::Code => pieces.extend([Piece::Open(mark), Piece::Text(text), Piece::Close(mark)]),
        Mark::Heading | Mark::Bold | Mark::Star | Mark::Underscore | Mark::Strike | Mark::Block => {
            pieces.push(Piece::Open(mark));
            inline(text, is_bold || mark == Mark::Bold, depth + 1, pieces);
            pieces.push(Piece::Close(mark));
        }
    }
}

fn push_text<'a>(text: &'a str, pieces: &mut Vec<Piece<'a>>) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == HOLE
}

fn can_open(text: &str, at: usize, mark: Mark, written: &str) -> bool {
    let before = text[..at].chars().next_back();
    let after = text[at + written.len()..].chars().next();
    after.is_some_and(|after| !after.is_whitespace() && !written.contains(after))
        && !(mark.is_of_words() && before.is_some_and(is_of_word))
}

/// The position of the closing mark.
fn end_of(text: &str, from: usize, mark: Mark, written: &str) -> Option<usize> {
    let ends = text[from..].match_indices(written).map(|(at, _)| from + at).filter(|at| *at > from);
    let mut ends = ends.filter(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + written.len()..].chars().next();
        let is_longer = mark == Mark::Star && (before == Some('*') || after == Some('*'));
        mark == Mark::Code
            || !is_longer
                && before.is_some_and(|before| !before.is_whitespace())
                && !(mark.is_of_words() && after.is_some_and(is_of_word))
    });
    ends.next()
}

/// A link's label, its URL, and how long it is as written.
fn link(text: &str) -> Option<(&str, &str, usize)> {
    let label = text.strip_prefix('[')?;
    let label = &label[..label.find(['[', ']'])?];
    let url = text[label.len() + 1..].strip_prefix("](")?;
    let url = &url[..url.find(|end: char| "()".contains(end) || end.is_whitespace())?];
    let length = label.len() + url.len() + "[]()".len();
    let is_whole = text[..length].ends_with(')') && !label.is_empty() && (is_link(url) || url.starts_with(HOLE));
    is_whole.then_some((label, url, length))
}

/// Whether a URL is one that services make a link of.
pub(crate) fn is_link(url: &str) -> bool {
    SCHEMES.iter().any(|scheme| url.starts_with(scheme)) && !url.contains(char::is_whitespace)
}

/// A stretch of text that looks the same throughout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) text: String,
    /// From the outermost one inwards.
    pub(crate) marks: Vec<Mark>,
    pub(crate) link: Option<String>,
}

impl Run {
    /// A stretch of text with no more than one mark.
    pub(crate) fn new(text: impl Into<String>, mark: Option<Mark>) -> Self {
        Self { text: text.into(), marks: mark.into_iter().collect(), link: None }
    }
}

/// A notification as runs, for services that take formatting as data rather than as markup.
pub(crate) fn runs(rendered: &Rendered) -> Vec<Run> {
    let mut values = rendered.inserted.iter();
    let mut marks: Vec<Mark> = Vec::new();
    let mut runs = Vec::new();
    for piece in parse(&rendered.text) {
        match piece {
            Piece::Open(mark) => marks.push(mark),
            Piece::Close(_) => drop(marks.pop()),
            Piece::Text(text) => {
                let text = fill(text, &mut values, str::to_owned);
                let text = if marks.contains(&Mark::Block) { without_language(&text).to_owned() } else { text };
                runs.push(Run { text, marks: marks.clone(), link: None });
            }
            Piece::Link { label, url } => {
                let label = fill(label, &mut values, str::to_owned);
                let url = fill(url, &mut values, str::to_owned);
                let (text, link) = if is_link(&url) { (label, Some(url)) } else { (format!("{label} ({url})"), None) };
                runs.push(Run { text, marks: marks.clone(), link });
            }
        }
    }
    runs.retain(|run| !run.text.is_empty());
    runs
}

/// A block of code without the name of its language, and without the line breaks around it.
fn without_language(block: &str) -> &str {
    let code = match block.split_once('\n') {
        Some((language, code)) if !language.contains(char::is_whitespace) => code,
        Some(_) | None => block,
    };
    code.trim_end_matches('\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pieces in a notation of their own, to be compared.
    fn shown(text: &str) -> String {
        let show = |piece| match piece {
            Piece::Text(text) => text.to_owned(),
            Piece::Open(mark) => format!("<{mark:?}>"),
            Piece::Close(mark) => format!("</{mark:?}>"),
            Piece::Link { label, url } => format!("<{url}|{label}>"),
        };
        parse(text).into_iter().map(show).collect()
    }

    #[test]
    fn marks_are_told_from_text() {
        for (text, expected) in [
            ("Stand-up in five minutes", "Stand-up in five minutes"),
            (":white_check_mark: *up* <!here>", ":white_check_mark: <Star>up</Star> <!here>"),
            ("**a** _b_ ~~c~~ `d`", "<Bold>a</Bold> <Underscore>b</Underscore> <Strike>c</Strike> <Code>d</Code>"),
            ("**a _b_**", "<Bold>a <Underscore>b</Underscore></Bold>"),
            ("# A **b**\n## c\n#d", "<Heading>A b</Heading>\n<Heading>c</Heading>\n#d"),
            ("[a](https://b.example/c_d_e) [x](y)", "<https://b.example/c_d_e|a> [x](y)"),
            ("```\n**a**\n``` `_b_`", "<Block>\n**a**\n</Block> <Code>_b_</Code>"),
            ("snake_case_name 2*3*4 2 * 3 * 4", "snake_case_name 2*3*4 2 * 3 * 4"),
            ("**open *open _open `open [open](", "**open *open _open `open [open]("),
            ("**a\nb**", "**a\nb**"),
            ("*a **b** c*", "<Star>a <Bold>b</Bold> c</Star>"),
            ("****", "****"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_was_inserted_is_never_markup() {
        let values = ["**a**", "b_", "[c](https://d.example)", "javascript:e"].map(str::to_owned);
        let text = format!("**{HOLE}** _{HOLE}_ {HOLE} [x]({HOLE})");
        let runs = runs(&Rendered { text, inserted: values.to_vec() });
        let expected = [
            Run::new("**a**", Some(Mark::Bold)),
            Run::new(" ", None),
            Run::new("b_", Some(Mark::Underscore)),
            Run::new(" [c](https://d.example) ", None),
            Run::new("x (javascript:e)", None),
        ];
        assert_eq!(runs, expected);
    }

    #[test]
    fn long_lines_of_marks_end_soon() {
        for mark in ["_a ", "**a ", "*a", "`", "[", "[a](", "**_~~"] {
            let text = mark.repeat(100_000);
            assert!(!parse(&text).is_empty());
        }
    }

    proptest! {
        #[test]
        fn marks_are_well_nested_and_no_text_is_lost(text in r"[*_~`#\[\]()a \n]{0,60}") {
            let mut open = Vec::new();
            let mut letters = 0;
            for piece in parse(&text) {
                match piece {
                    Piece::Open(mark) => open.push(mark),
                    Piece::Close(mark) => prop_assert_eq!(open.pop(), Some(mark)),
                    Piece::Text(text) => letters += text.matches('a').count(),
                    Piece::Link { label, url } => letters += label.matches('a').count() + url.matches('a').count(),
                }
            }
            prop_assert_eq!(open, []);
            prop_assert_eq!(letters, text.matches('a').count());
        }
    }
}
