//! A page of `docs/` and the tables in it, each between two marks.

use std::fmt::{self, Display};

use strum::{EnumMessage, VariantArray};

/// A page, and the tables that it takes from the code.
pub struct Page {
    /// From the root of the repository.
    pub path: &'static str,
    pub tables: Vec<Table>,
}

/// A table that stands between `<!-- generated: MARK -->` and `<!-- end -->`.
pub struct Table {
    pub mark: &'static str,
    pub heads: &'static [&'static str],
    pub rows: Vec<Vec<String>>,
}

#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("{page} has no line `<!-- generated: {mark} -->` with a line `<!-- end -->` after it")]
    NoMarks { page: &'static str, mark: &'static str },
    #[error("{page}: the table {mark} has no rows, or a row without {columns} cells")]
    Misshapen { page: &'static str, mark: &'static str, columns: usize },
}

impl Page {
    /// The page's text with its tables as they are to be.
    pub fn filled(&self, text: &str) -> Result<String, PageError> {
        self.tables.iter().try_fold(text.to_owned(), |text, table| self.with(&text, table))
    }

    fn with(&self, text: &str, table: &Table) -> Result<String, PageError> {
        let Table { mark, heads, rows } = table;
        if rows.is_empty() || rows.iter().any(|row| row.len() != heads.len()) {
            return Err(PageError::Misshapen { page: self.path, mark, columns: heads.len() });
        }
        let missing = || PageError::NoMarks { page: self.path, mark };
        let begin = format!("<!-- generated: {mark} -->\n");
        let (before, rest) = text.split_once(&begin).ok_or_else(missing)?;
        let (_, after) = rest.split_once("<!-- end -->\n").ok_or_else(missing)?;
        Ok(format!("{before}{begin}\n{table}\n<!-- end -->\n{after}"))
    }
}

impl Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", line(self.heads))?;
        writeln!(formatter, "{}|", "|---".repeat(self.heads.len()))?;
        self.rows.iter().try_for_each(|row| writeln!(formatter, "{}", line(row)))
    }
}

fn line<T: AsRef<str>>(cells: &[T]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |", cells.join(" | ")).replace("|  |", "| |")
}

/// As a page shows what is written in programs.
pub fn code(text: impl Display) -> String {
    format!("`{text}`")
}

/// A row for each variant: its documentation, and what else is said of it.
pub fn rows<T: EnumMessage + VariantArray>(row: impl Fn(&T, String) -> Vec<String>) -> Vec<Vec<String>> {
    T::VARIANTS.iter().map(|variant| row(variant, documentation(variant))).collect()
}

/// The words of a variant's documentation, for a table.
fn documentation(variant: &impl EnumMessage) -> String {
    variant.get_documentation().unwrap_or_default().replace('\n', " ").trim().trim_end_matches('.').to_owned()
}
