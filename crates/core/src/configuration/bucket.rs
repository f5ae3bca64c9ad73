//! The bucket through which layers go that are too large for a call.

/// Name of a bucket, in which `{account}` and `{region}` stand for those of the pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket(String);

const ACCOUNT: &str = "{account}";
const REGION: &str = "{region}";

/// An account and one of the longest names of regions, so that a name that fits them fits everywhere.
const LONGEST: [&str; 2] = ["111122223333", "ap-southeast-1"];

/// Beginnings and ends that S3 keeps for itself.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
const RESERVED_STARTS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
const RESERVED_ENDS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

impl Bucket {
    /// Parses a name; `None` if S3 would not take it in every account and region.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bucket = Self(text.to_owned());
        let [account, region] = LONGEST;
        is_name(&bucket.of(account, region)).then_some(bucket)
    }

    /// The name for the pipelines of an account and a region, either of which may be a wildcard.
    pub fn of(&self, account: &str, region: &str) -> String {
        self.0.replace(ACCOUNT, account).replace(REGION, region)
    }
}

/// Whether S3 takes a text as the name of a bucket.
fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        label.bytes().all(|byte| is_plain(byte) || byte == b'-')
            && label.bytes().next().is_some_and(is_plain)
            && label.bytes().last().is_some_and(is_plain)
    };
    let is_address = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && text.matches('.').count() == 3;
    (3..=63).contains(&text.len())
        && text.split('.').all(is_label)
        && !is_address
        && !RESERVED_STARTS.iter().any(|start| text.starts_with(start))
        && !RESERVED_ENDS.iter().any(|end| text.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_each_account_and_region() {
        let bucket = Bucket::parse("layers-{account}-{region}").unwrap();
        assert_eq!(bucket.of("444455556666", "eu-west-1"), "layers-444455556666-eu-west-1");
        assert_eq!(bucket.of("*", "*"), "layers-*-*");
        assert_eq!(Bucket::parse("layers").unwrap().of("444455556666", "eu-west-1"), "layers");
    }

    #[test]
    fn only_what_s3_takes_is_a_name() {
        for name in
            ["abc", "a1.b-2", "1st", "{region}", "1.2.3", &"a".repeat(63), &format!("{}-{REGION}", "a".repeat(48))]
        {
            assert!(Bucket::parse(name).is_some(), "{name}");
        }
        for name in [
            "",
            "ab",
            "Layers",
            "my_layers",
            "-layers",
            "layers-",
            "a..b",
            "a.-b",
            ".a.b",
            "192.168.5.4",
            "xn--layers",
            "sthree-layers",
            "amzn-s3-demo-layers",
            "layers-s3alias",
            "layers--x-s3",
            "layers--table-s3",
            "layers/zips",
            "layers-*",
            "arn:aws:s3:::layers",
            "layers-{Region}",
            "layers-{partition}",
            &"a".repeat(64),
            &format!("{}-{REGION}", "a".repeat(49)),
        ] {
            assert_eq!(Bucket::parse(name), None, "{name}");
        }
    }
}
