//! `at(...)`: a one-time schedule at a local time.

use jiff::{
    Zoned,
    civil::DateTime,
    tz::{Disambiguation, TimeZone},
};

use crate::{error::Problem, zone};

/// Parses `body`, the text between the parentheses, into the canonical expression and its time.
pub(crate) fn parse(text: &str, body: &str, zone_name: &str, zone: &TimeZone) -> Result<(String, Zoned), Problem> {
    let refuse = || Problem::At { text: text.to_owned() };
    let local: DateTime = body.parse().map_err(|_| refuse())?;
    let expression = render(local);
    // `DateTime` also parses other spellings, fractions and offsets. EventBridge accepts only this spelling.
    if expression != text {
        return Err(refuse());
    }
    if let Some(moment) = zone::first_moment(zone, local) {
        return Ok((expression, moment));
    }
    let shifted = zone.to_ambiguous_zoned(local).disambiguate(Disambiguation::Compatible).map_err(|_| refuse())?;
    let instead = render(shifted.datetime());
    Err(Problem::AtInGap { text: text.to_owned(), zone: zone_name.to_owned(), instead })
}

fn render(local: DateTime) -> String {
    local.strftime("at(%Y-%m-%dT%H:%M:%S)").to_string()
}
