//! The page of conditions: every reason with its remedy.

use aws::Quota;
use pipeline_core::error_class::ErrorClass;
use pipeline_core::reason::{Acted, Incomplete, Reason, Refused, Reported, Settled, Underway};

use crate::page::{Page, Table, code, rows};

const WITH_REMEDY: &[&str] = &["reason", "cause", "what to do"];

pub fn page() -> Page {
    let settled = rows(|reason: &Settled, cause| vec![code(reason), cause]);
    let underway = rows(|reason: &Underway, cause| vec![code(reason), cause, reason.remedy().to_owned()]);
    let refused = rows(|reason: &Refused, cause| vec![code(reason), cause, reason.remedy().to_owned()]);
    let failed = rows(|class: &ErrorClass, cause| {
        let beside = if class.needs_a_person() { "Stalled" } else { "Reconciling" };
        vec![code(class), code(beside), cause, class.remedy().to_owned()]
    });
    let incomplete = rows(|reason: &Incomplete, cause| vec![code(reason), cause, reason.remedy().to_owned()]);
    let quotas = rows(|quota: &Quota, what| vec![what, quota.remedy().to_owned()]);
    let acted = rows(|reason: &Acted, meaning| {
        let kind = if Reason::from(*reason).is_warning() { "Warning" } else { "Normal" };
        vec![code(reason), kind.to_owned(), meaning]
    });
    let reported = rows(|reason: &Reported, meaning| {
        vec![code(reason), reason.condition().to_owned(), meaning, reason.remedy().unwrap_or_default().to_owned()]
    });
    Page {
        path: "docs/conditions.md",
        tables: vec![
            Table { mark: "Settled", heads: &["reason", "cause"], rows: settled },
            Table { mark: "Underway", heads: WITH_REMEDY, rows: underway },
            Table { mark: "Refused", heads: WITH_REMEDY, rows: refused },
            Table { mark: "ErrorClass", heads: &["reason", "beside it", "cause", "what to do"], rows: failed },
            Table { mark: "Incomplete", heads: WITH_REMEDY, rows: incomplete },
            Table { mark: "Quota", heads: &["what is full", "what to do"], rows: quotas },
            Table { mark: "Acted", heads: &["reason", "type", "meaning"], rows: acted },
            Table { mark: "Reported", heads: &["reason", "condition", "meaning", "what to do"], rows: reported },
        ],
    }
}
