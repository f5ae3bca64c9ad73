//! The tasks of a run.

use api::{Run, TaskResult, TaskRun};

use super::{MAX_ROWS, mark};

/// A new state of a task.
pub(super) struct TaskReport<'a> {
    pub(super) name: &'a str,
    pub(super) position: u32,
    pub(super) mark: u8,
    pub(super) attempts: u32,
    pub(super) duration_ms: Option<u64>,
    pub(super) error: Option<String>,
}

/// Updates the task's row and mark in its run, unless the run has a later state of it.
pub(super) fn see(run: &mut Run, report: TaskReport<'_>) {
    let TaskReport { name, position, mark: seen, attempts, duration_ms, error } = report;
    let position = usize::try_from(position).unwrap_or(usize::MAX);
    let Some(known) = run.marks.as_bytes().get(position).copied() else { return };
    if mark::rank(seen) < mark::rank(known) {
        return;
    }
    run.marks.replace_range(position..=position, char::from(seen).encode_utf8(&mut [0; 4]));
    let row = TaskRun { name: name.to_owned(), result: result(seen), attempts, duration_ms, error };
    match run.tasks.iter_mut().find(|old| old.name == name) {
        Some(old) if order(old) < order(&row) => *old = row,
        Some(_) => {}
        None => run.tasks.push(row),
    }
}

fn result(seen: u8) -> TaskResult {
    match seen {
        mark::SUCCEEDED => TaskResult::Succeeded,
        mark::FAILED => TaskResult::Failed,
        mark::MISSED => TaskResult::Missed,
        _ => TaskResult::Running,
    }
}

/// The order of a row's states: an update never lowers it.
fn order(row: &TaskRun) -> (usize, u32, Option<u64>, Option<&str>) {
    let mark = match row.result {
        TaskResult::Running if row.attempts == 0 => mark::WAITING,
        TaskResult::Running => mark::RUNNING,
        TaskResult::Missed => mark::MISSED,
        TaskResult::Failed => mark::FAILED,
        TaskResult::Succeeded => mark::SUCCEEDED,
    };
    (mark::rank(mark), row.attempts, row.duration_ms, row.error.as_deref())
}

/// Marks every task that has not begun as missed.
pub(super) fn miss(run: &mut Run) {
    run.marks = run.marks.replace(char::from(mark::WAITING), char::from(mark::MISSED).encode_utf8(&mut [0; 4]));
    for row in run.tasks.iter_mut().filter(|row| row.result == TaskResult::Running && row.attempts == 0) {
        row.result = TaskResult::Missed;
    }
}

/// Keeps the rows that are shown, in their order: all tasks of a run with few, else those that did not succeed.
pub(super) fn settle(run: &mut Run) {
    if run.marks.len() > MAX_ROWS {
        run.tasks.retain(|row| row.result != TaskResult::Succeeded);
    }
    let shown = |row: &TaskRun| match row.result {
        TaskResult::Failed => 0,
        TaskResult::Missed => 1,
        TaskResult::Running => 2,
        TaskResult::Succeeded => 3,
    };
    if run.marks.len() > MAX_ROWS {
        run.tasks.sort_by(|a, b| (shown(a), &a.name).cmp(&(shown(b), &b.name)));
    } else {
        run.tasks.sort_by(|a, b| a.name.cmp(&b.name));
    }
    run.tasks.truncate(MAX_ROWS);
    run.undelivered.sort();
    run.undelivered.dedup_by(|a, b| (&a.task, &a.channel) == (&b.task, &b.channel));
    run.undelivered.truncate(MAX_ROWS);
}
