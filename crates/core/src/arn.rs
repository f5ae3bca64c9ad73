//! Amazon Resource Names, taken apart.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>

/// The parts of an ARN: `arn:partition:service:region:account:resource`. What a part may hold is not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'text> {
    /// Partition, such as `aws` or `aws-cn`.
    pub partition: &'text str,
    /// Service prefix, such as `sqs`.
    pub service: &'text str,
    /// Region; empty for global services such as IAM.
    pub region: &'text str,
    /// 12-digit account id; empty for S3.
    pub account: &'text str,
    /// All that follows, in the service's own form: `function:name`, `role/path/name`, or a name alone.
    pub resource: &'text str,
}

impl<'text> Arn<'text> {
    /// The parts of a text, if it has all six.
    pub fn parse(text: &'text str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let ("arn", partition, service) = (parts.next()?, parts.next()?, parts.next()?) else { return None };
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { partition, service, region, account, resource })
    }

    /// The last segment of the resource: the name of a queue, function or role, the number of a layer version, the UUID
    /// of an event source mapping.
    pub fn name(&self) -> &'text str {
        self.resource.rsplit([':', '/']).next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn name(arn: &str) -> &str {
        Arn::parse(arn).unwrap().name()
    }

    #[test]
    fn an_arn_is_taken_apart_at_its_first_five_colons() {
        let arn = Arn::parse("arn:aws-cn:lambda:cn-north-1:111122223333:layer:deps:7").unwrap();
        assert_eq!((arn.partition, arn.service, arn.region), ("aws-cn", "lambda", "cn-north-1"));
        assert_eq!((arn.account, arn.resource), ("111122223333", "layer:deps:7"));
    }

    #[test]
    fn the_name_is_the_last_segment() {
        assert_eq!(name("arn:aws:sqs:eu-west-1:111122223333:a-tasks.fifo"), "a-tasks.fifo");
        assert_eq!(name("arn:aws:lambda:eu-west-1:111122223333:function:a-sender"), "a-sender");
        assert_eq!(name("arn:aws:iam::111122223333:role/taskpipelines/lab/a-sender"), "a-sender");
        assert_eq!(name("arn:aws:lambda:eu-west-1:111122223333:layer:deps:7"), "7");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "a-tasks", "arn:aws:sqs:eu-west-1:111122223333", "urn:aws:sqs:eu-west-1:111122223333:a"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }
}
