//! The text of a notification: a minijinja template over the result.
//!
//! A template's own text is the author's, markup and all; what it *inserts* comes from outside, and is kept apart so
//! that it can be shown as it is, whatever the service. `{{ value | safe }}` makes one value part of the own text.

use std::io::{self, Write};
use std::thread;

use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, context};

use crate::{Status, TaskResult};

/// Steps a template may take (minijinja's fuel): far beyond any notification, yet done in milliseconds.
const FUEL: u64 = 100_000;

/// Bytes of stack to check a template with. The engine recurses once for each operator of a chain such as `a.b.c`, which may
/// have as many as the longest template has characters; an overflow would end the process for everybody. Only what is used
/// becomes memory.
const STACK: usize = 64 << 20;

/// Bytes a template may write: beyond every service's limit, so that only a runaway loop meets it.
const MAX_OUTPUT: usize = 1 << 20;

/// What is posted where a task has no template of its own.
const DEFAULT: &str = "\
{%- if status == 'Succeeded' -%}
✅ {{ task }} ({{ pipeline }}){% if result.text %}: {{ result.text }}{% endif %}
{%- else -%}
❌ {{ task }} ({{ pipeline }}) failed: {{ error }}
Attempt {{ attempt }}, due {{ scheduledTime }}, run {{ runId }}
More: kubectl --namespace {{ namespace }} describe stp {{ pipeline }}
{%- endif -%}";

/// Stands in [`Rendered::text`] for each value that was inserted: a noncharacter, which no text has.
pub const HOLE: char = '\u{fdd0}';

/// Ends an inserted value in a template's output, where [`HOLE`] begins it.
const END: char = '\u{fdd1}';

/// A template that cannot be used, or that failed on this result.
#[derive(Debug, thiserror::Error)]
#[error("{}", describe(.0))]
pub struct TemplateError(minijinja::Error);

fn describe(error: &minijinja::Error) -> String {
    let what = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    match error.line() {
        Some(line) => format!("{what} (line {line})"),
        None => what,
    }
}

/// What became of a template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The author's own text, with a [`HOLE`] for each inserted value.
    pub text: String,
    /// The inserted values, in their order.
    pub inserted: Vec<String>,
}

impl Rendered {
    /// A text that comes from outside as a whole.
    pub fn inserted(value: String) -> Self {
        Self { text: HOLE.to_string(), inserted: vec![value] }
    }

    /// The text with its values, each escaped.
    pub fn filled(&self, escape: impl Fn(&str) -> String) -> String {
        let mut values = self.inserted.iter();
        fill(&self.text, &mut values, escape)
    }

    fn of(output: &str) -> Self {
        let mut rendered = Self::default();
        let mut rest = output;
        while let Some((own, after)) = rest.split_once(HOLE) {
            let (value, after) = after.split_once(END).unwrap_or((after, ""));
            rendered.text.push_str(own);
            rendered.text.push(HOLE);
            rendered.inserted.push(value.to_owned());
            rest = after;
        }
        rendered.text.push_str(rest);
        rendered
    }
}

/// Fills the holes of a piece of text with the next values.
pub fn fill<'a>(text: &str, values: &mut impl Iterator<Item = &'a String>, escape: impl Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(text.len());
    for (number, own) in text.split(HOLE).enumerate() {
        if let Some(value) = (number > 0).then(|| values.next()).flatten() {
            filled.push_str(&escape(value));
        }
        filled.push_str(own);
    }
    filled
}

/// Renders a task's template, or the default one.
///
/// # Errors
/// The template does not parse, names an unknown filter or function, runs out of fuel, or writes over 1 MiB.
pub fn render(
    template: Option<&str>,
    result: &TaskResult,
    input: Option<&serde_json::Value>,
) -> Result<Rendered, TemplateError> {
    let environment = environment();
    let template = environment.template_from_str(template.unwrap_or(DEFAULT)).map_err(TemplateError)?;
    let context = context! {
        task => &*result.task,
        pipeline => &*result.pipeline.name,
        namespace => &*result.pipeline.namespace,
        scheduledTime => &*result.scheduled_time,
        runId => &*result.run_id,
        attempt => result.attempt,
        status => Value::from(Serde(result.status)),
        result => context! { text => &*result.text, json => Value::from(Serde(&result.json)) },
        error => result.error.as_deref(),
        input => Value::from(Serde(input)),
    };
    let mut output = Bounded(Vec::new());
    template.render_captured_to(context, &mut output).map_err(TemplateError)?;
    Ok(Rendered::of(&String::from_utf8_lossy(&output.0)))
}

/// Refuses a template that cannot work, whatever the result: one that doesn't parse, or, as far as that can be found
/// without risk, that names what isn't there.
///
/// # Errors
/// As above, with the line.
pub fn check(template: &str) -> Result<(), TemplateError> {
    thread::scope(|scope| {
        let checking = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || check_here(template));
        let checked = checking.map_err(|error| error.to_string()).and_then(|thread| {
            // It does not panic, and if it does, nothing is known of the template.
            thread.join().map_err(|_| "the check did not finish".to_owned())
        });
        checked.unwrap_or_else(|reason| Err(TemplateError(Error::new(ErrorKind::InvalidOperation, reason))))
    })
}

fn check_here(template: &str) -> Result<(), TemplateError> {
    environment().template_from_str(template).map_err(TemplateError)?;
    if !is_tame(template) {
        return Ok(());
    }
    for status in [Status::Succeeded, Status::Failed] {
        match render(Some(template), &sample(status), None) {
            Err(TemplateError(error)) if is_authors_mistake(error.kind()) => return Err(TemplateError(error)),
            // What else fails may be the sample's fault.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

/// Whether a template's values cannot grow beyond its own length. Fuel does not bound those that can: lists that are
/// repeated, or nested in each other, are only counted out when they are written or compared, at the renderer's
/// expense.
fn is_tame(template: &str) -> bool {
    let words = |text| str::split(text, |c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let mut tags = template.split("{%").skip(1);
    tags.all(|tag| words(tag).next().is_some_and(|word| ["if", "elif", "else", "endif"].contains(&word)))
        && !template.contains(['*', '+', '~'])
        && !words(template).any(|word| ["map", "range", "tojson", "pprint"].contains(&word))
}

fn is_authors_mistake(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::SyntaxError
            | ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::TemplateNotFound
            | ErrorKind::OutOfFuel
            | ErrorKind::WriteFailure
    )
}

fn sample(status: Status) -> TaskResult {
    TaskResult {
        pipeline: crate::PipelineRef { namespace: "default".into(), name: "sample".into() },
        task: "sample".into(),
        run_id: "aaaaaaaaaaaaaaaa".into(),
        scheduled_time: "2026-01-01T09:00:00Z".into(),
        trigger: crate::Trigger::Schedule,
        attempt: 1,
        status,
        text: "text".into(),
        json: None,
        error: (status == Status::Failed).then(|| "error".into()),
        duration_ms: 1,
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    // A result without the field a template asks for is an empty text, not a lost notification.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_formatter(|output, _, value| {
        if value.is_undefined() || value.is_none() {
            return Ok(());
        }
        let mut text = Bounded(Vec::new());
        write!(text, "{value}").map_err(|error| minijinja::Error::new(ErrorKind::WriteFailure, error.to_string()))?;
        let text = String::from_utf8_lossy(&text.0);
        let written = if value.is_safe() {
            output.write_str(&text)
        } else {
            output.write_str(&format!("{HOLE}{}{END}", text.replace([HOLE, END], "")))
        };
        written.map_err(minijinja::Error::from)
    });
    environment
}

struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::Error::other("the text is longer than 1 MiB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: Option<&str>, status: Status) -> String {
        render(template, &sample(status), None).unwrap().filled(str::to_uppercase)
    }

    #[test]
    fn what_a_template_inserts_is_kept_apart_from_its_own_text() {
        let template = "done: {{ result.text }} {{ task | safe }}";
        assert_eq!(rendered(Some(template), Status::Succeeded), "done: TEXT sample");
        let block = "{% set block %}[{{ task }}]{% endset %}<{{ block }}> {% if task %}{{ task }}{% endif %}";
        assert_eq!(rendered(Some(block), Status::Succeeded), "<[SAMPLE]> SAMPLE");
        let forged = "{{ '\u{fdd1}own\u{fdd0}' }}{{ '\u{fdd0}' }}\u{fdd0}own";
        assert_eq!(rendered(Some(forged), Status::Succeeded), "OWNOWN");
    }

    /// The longest templates there may be, each a chain of one operator. Whether they are refused does not matter here: that
    /// the process goes on does.
    #[test]
    fn no_chain_of_operators_overflows_the_stack() {
        let chain = |before: &str, link: &str, after: &str| {
            let room = 8_192 - before.len() - after.len() - "{{  }}".len();
            format!("{{{{ {before}{}{after} }}}}", link.repeat(room / link.len()))
        };
        for template in [
            chain("a", ".a", ""),
            chain("a", "[0]", ""),
            chain("a", "|e", ""),
            chain("a", "()", ""),
            chain("", "not ", "a"),
            chain("", "-", "1"),
            chain("1", "+1", ""),
            chain("1", "~1", ""),
            chain("2", "**2", ""),
            chain("a", " or a", ""),
            chain("a", " is a", ""),
            chain("a", " if a else a", ""),
            chain("", "(", ""),
            chain("", "[", ""),
            "{% if a %}".repeat(819),
            format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(680)),
        ] {
            drop(check(&template));
        }
        assert!(check("{{ task }}").is_ok());
    }

    #[test]
    fn a_field_that_is_not_there_is_empty() {
        assert_eq!(rendered(Some("[{{ result.json.a.b }}{{ error }}]"), Status::Succeeded), "[]");
    }

    #[test]
    fn the_default_says_what_failed_why_which_run_and_how_to_see_more() {
        assert_eq!(
            render(None, &sample(Status::Failed), None).unwrap().filled(str::to_owned),
            "❌ sample (sample) failed: error\nAttempt 1, due 2026-01-01T09:00:00Z, run aaaaaaaaaaaaaaaa\n\
             More: kubectl --namespace default describe stp sample"
        );
    }

    #[test]
    fn templates_that_cannot_work_are_refused_with_their_line() {
        for (template, expected) in [
            ("{{ task", "syntax error: "),
            ("ok\n{% if %}", "(line 2)"),
            ("{{ task | uper }}", "unknown filter: filter uper is unknown (line 1)"),
            ("{% if status == 'Failed' %}{{ nope() }}{% endif %}", "unknown function: nope is unknown (line 1)"),
            ("{%- if status == 'Succeeded' -%}{{ 'x' | indent(99999999, true) }}{%- endif -%}", "ran out of fuel"),
        ] {
            let message = check(template).expect_err(template).to_string();
            assert!(message.contains(expected), "{template}: {message}");
        }
    }

    #[test]
    fn a_template_that_could_grow_is_only_parsed() {
        let nested = |times| (0..times).fold("{% set a = [1, 1] %}".to_owned(), |all, _| all + "{% set a = [a, a] %}");
        for template in [
            nested(60) + "{{ a }}",
            nested(60) + "{{ a | string }}",
            "{% for a in [[1, 1]] %}{% for b in [[a, a]] %}{{ b }}{% endfor %}{% endfor %}".to_owned(),
            "{{ [[1] * 90000000] * 90000000 == [[1] * 90000000] * 90000000 }}".to_owned(),
            "{{ [1] | tojson(indent=100000000000) }}".to_owned(),
            "{{ [1] | map(['to', 'json'] | join, 100000000000) }}".to_owned(),
            "{%+if true %}{{ [range(99999), range(99999)] | pprint }}{% endif %}".to_owned(),
        ] {
            check(&template).expect(&template);
        }
        assert!(check(&(nested(60) + "{{ a")).is_err());
    }

    #[test]
    fn a_text_that_runs_away_ends_at_its_limit() {
        for (template, expected) in [
            ("{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}", "ran out of fuel"),
            ("{% for i in range(99) %}{{ 'x' * 99999 }}{% endfor %}", "failed to write"),
            (
                "{% set a = [range(99999)] %}{{ [a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a] }}",
                "failed to write",
            ),
        ] {
            let error = render(Some(template), &sample(Status::Succeeded), None).unwrap_err();
            assert!(error.to_string().contains(expected), "{template}: {error}");
        }
    }

    #[test]
    fn a_template_that_only_some_results_break_is_accepted() {
        check("{{ result.json.items[0].name | upper }}").unwrap();
    }
}
