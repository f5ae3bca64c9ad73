//! Texts with the wildcards of IAM: `*` stands for any characters, `?` for one.

use std::fmt;

/// A text with wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    This(char),
    One,
    Any,
}

impl Pattern {
    /// Parses a pattern; every text is valid.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let mut pieces: Vec<Piece> = Vec::new();
        for character in text.chars() {
            match (character, pieces.last()) {
                // `**` is `*`, and `*?` is `?*`: one form for what means the same.
                ('*', Some(Piece::Any)) => {}
                ('*', _) => pieces.push(Piece::Any),
                ('?', Some(Piece::Any)) => pieces.insert(pieces.len() - 1, Piece::One),
                ('?', _) => pieces.push(Piece::One),
                (other, _) => pieces.push(Piece::This(other)),
            }
        }
        Self { text, pieces }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches a text, in which `*` and `?` are literal.
    pub fn matches(&self, text: &str) -> bool {
        let pieces: Vec<Piece> = text.chars().map(Piece::This).collect();
        includes(&self.pieces, &pieces)
    }

    /// Whether it matches every text that another pattern matches. Never true where it does not; false in a few cases
    /// where it does, none of which a person would write.
    pub fn covers(&self, other: &Self) -> bool {
        includes(&self.pieces, &other.pieces)
    }

    /// Like [`Self::covers`] for two patterns of ARNs, part by part: a wildcard in one part does not reach into the
    /// next.
    pub(crate) fn covers_arn(&self, other: &Self) -> bool {
        let parts = |pattern: &Self| pattern.text.splitn(ARN_PARTS, ':').map(Self::new).collect::<Vec<_>>();
        let (ours, theirs) = (parts(self), parts(other));
        self.text == "*"
            || ours.len() == ARN_PARTS
                && theirs.len() == ARN_PARTS
                && ours.iter().zip(&theirs).all(|(ours, theirs)| ours.covers(theirs))
    }

    /// Whether some text matches both patterns.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        overlap(&self.pieces, &other.pieces)
    }
}

/// Parts of an ARN: `arn:partition:service:region:account:resource`.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
const ARN_PARTS: usize = 6;

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether `outer` matches `inner`, read as a text in which a wildcard is a character that only a wildcard of the same
/// reach matches: what holds of it then holds of whatever the wildcard stands for.
fn includes(outer: &[Piece], inner: &[Piece]) -> bool {
    let (mut o, mut i) = (0, 0);
    // Where to go on when the last `*` of `outer` has to take one more.
    let mut retry: Option<(usize, usize)> = None;
    while i < inner.len() {
        let fits = match (outer.get(o), inner[i]) {
            (Some(Piece::Any), _) => {
                retry = Some((o, i));
                o += 1;
                continue;
            }
            (Some(Piece::One), Piece::This(_) | Piece::One) => true,
            (Some(Piece::This(ours)), Piece::This(theirs)) => *ours == theirs,
            (Some(Piece::One | Piece::This(_)) | None, _) => false,
        };
        if fits {
            (o, i) = (o + 1, i + 1);
        } else if let Some((any, taken)) = retry {
            retry = Some((any, taken + 1));
            (o, i) = (any + 1, taken + 1);
        } else {
            return false;
        }
    }
    outer[o..].iter().all(|piece| *piece == Piece::Any)
}

fn overlap(a: &[Piece], b: &[Piece]) -> bool {
    // reachable[j]: whether the pieces of `a` so far and the first j of `b` can match one text.
    let mut reachable: Vec<bool> = vec![false; b.len() + 1];
    reachable[0] = true;
    for j in 0..b.len() {
        reachable[j + 1] = reachable[j] && b[j] == Piece::Any;
    }
    for piece in a {
        let before = reachable.clone();
        reachable[0] = before[0] && *piece == Piece::Any;
        for (j, other) in b.iter().enumerate() {
            reachable[j + 1] = match (piece, other) {
                (Piece::Any, _) | (_, Piece::Any) => before[j + 1] || reachable[j],
                (Piece::This(x), Piece::This(y)) => before[j] && x == y,
                (Piece::One, _) | (_, Piece::One) => before[j],
            };
        }
    }
    reachable[b.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covers(outer: &str, inner: &str) -> bool {
        Pattern::new(outer).covers(&Pattern::new(inner))
    }

    #[test]
    fn a_pattern_covers_what_it_matches_altogether() {
        for (outer, inner) in
            [("*", "a*"), ("a*", "a*"), ("a*", "a?b*"), ("a?", "a?"), ("?*", "*?"), ("a*c", "a*b*c"), ("**", "*")]
        {
            assert!(covers(outer, inner), "{outer} covers {inner}");
        }
        for (outer, inner) in [("a*", "*"), ("a?", "a*"), ("a", "?"), ("a*b", "a*"), ("s3:Get*", "s3:*"), ("", "a")] {
            assert!(!covers(outer, inner), "{outer} does not cover {inner}");
        }
    }

    #[test]
    fn no_wildcard_of_an_arn_reaches_into_the_next_part() {
        let covers = |outer: &str, inner: &str| Pattern::new(outer).covers_arn(&Pattern::new(inner));
        assert!(covers("arn:aws:s3:::team-a-*/*", "arn:aws:s3:::team-a-logs/2026/*"));
        assert!(covers("*", "arn:aws:s3:::x"));
        for inner in ["arn:aws:s3*", "*", "arn:aws:s3:::team-*", "arn:aws:sqs:::team-a-x/y", "arn:aws:s3:*:team-a-x/y"]
        {
            assert!(!covers("arn:aws:s3:::team-a-*/*", inner), "{inner}");
        }
        assert!(!covers("arn:aws:sqs:eu-west-1:*:a", "arn:aws:sqs:eu-west-1:1:x:a"));
    }

    /// Every text of a small alphabet up to a length.
    fn texts() -> Vec<String> {
        let mut all = vec![String::new()];
        for length in 0..5 {
            let longest: Vec<String> = all.iter().filter(|text| text.len() == length).cloned().collect();
            all.extend(longest.iter().flat_map(|text| ["a", "b", "c"].map(|next| format!("{text}{next}"))));
        }
        all
    }

    proptest! {
        #[test]
        fn what_is_covered_is_matched(outer in "[ab*?]{0,5}", inner in "[ab*?]{0,5}") {
            let (outer, inner) = (Pattern::new(outer), Pattern::new(inner));
            let matched_by_inner: Vec<String> = texts().into_iter().filter(|text| inner.matches(text)).collect();
            // `c` is in no pattern, so that these texts tell a wildcard from a letter.
            let all = matched_by_inner.iter().all(|text| outer.matches(text));
            prop_assert!(all || !outer.covers(&inner));
            let some = matched_by_inner.iter().any(|text| outer.matches(text));
            prop_assert!(!some || outer.overlaps(&inner));
        }
    }
}
