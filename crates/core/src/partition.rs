//! The partitions of AWS: worlds with accounts, regions and host names of their own.
//!
//! After the table that all of AWS's SDKs carry, `partitions.json`. Services that assume roles have the same principal in
//! each, such as `lambda.amazonaws.com`.

use strum::{Display, EnumString, VariantArray};

/// A partition of AWS. Its display is what stands in ARNs.
/// <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString, VariantArray)]
pub enum Partition {
    /// All regions that no other partition has.
    #[strum(serialize = "aws")]
    Aws,
    /// China.
    #[strum(serialize = "aws-cn")]
    China,
    /// The regions for the government of the US.
    #[strum(serialize = "aws-us-gov")]
    UsGov,
    /// The European Sovereign Cloud.
    #[strum(serialize = "aws-eusc")]
    Eusc,
    /// US ISO.
    #[strum(serialize = "aws-iso")]
    Iso,
    /// US ISOB.
    #[strum(serialize = "aws-iso-b")]
    IsoB,
    /// EU ISOE.
    #[strum(serialize = "aws-iso-e")]
    IsoE,
    /// US ISOF.
    #[strum(serialize = "aws-iso-f")]
    IsoF,
}

impl Partition {
    /// The partition that a region is in.
    pub fn of_region(region: &str) -> Self {
        let begins = |partition: &Self| partition.regions().is_some_and(|begin| region.starts_with(begin));
        Self::VARIANTS.iter().copied().find(begins).unwrap_or(Self::Aws)
    }

    /// What the names of its regions begin with.
    const fn regions(self) -> Option<&'static str> {
        match self {
            Self::Aws => None,
            Self::China => Some("cn-"),
            Self::UsGov => Some("us-gov-"),
            Self::Eusc => Some("eusc-"),
            Self::Iso => Some("us-iso-"),
            Self::IsoB => Some("us-isob-"),
            Self::IsoE => Some("eu-isoe-"),
            Self::IsoF => Some("us-isof-"),
        }
    }

    /// What the host names of its services end in.
    pub const fn dns_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::UsGov => "amazonaws.com",
            Self::China => "amazonaws.com.cn",
            Self::Eusc => "amazonaws.eu",
            Self::Iso => "c2s.ic.gov",
            Self::IsoB => "sc2s.sgov.gov",
            Self::IsoE => "cloud.adc-e.uk",
            Self::IsoF => "csp.hci.ic.gov",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_region_is_in_its_partition() {
        for (region, partition) in [
            ("eu-central-1", Partition::Aws),
            ("us-east-1", Partition::Aws),
            ("mx-central-1", Partition::Aws),
            ("cn-north-1", Partition::China),
            ("cn-northwest-1", Partition::China),
            ("us-gov-west-1", Partition::UsGov),
            ("eusc-de-east-1", Partition::Eusc),
            ("us-iso-east-1", Partition::Iso),
            ("us-isob-east-1", Partition::IsoB),
            ("eu-isoe-west-1", Partition::IsoE),
            ("us-isof-south-1", Partition::IsoF),
        ] {
            assert_eq!(Partition::of_region(region), partition, "{region}");
        }
    }

    #[test]
    fn a_partition_is_written_and_read_as_arns_have_it() {
        let names = ["aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"];
        for (partition, name) in Partition::VARIANTS.iter().zip(names) {
            assert_eq!(partition.to_string(), name);
            assert_eq!(name.parse(), Ok(*partition));
        }
        assert!("aws-mars".parse::<Partition>().is_err());
    }
}
