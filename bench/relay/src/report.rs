//! The tables, and what they say of the goals.

mod goals;
mod machine;

use crate::contender::Contender;
use crate::rows::{Row, Values};
use crate::Scale;
use goals::Goals;
use std::fmt::Write as _;

/// What was measured of one server in one row: a number for each round and column.
struct Cell {
    row: Row,
    contender: Contender,
    rounds: Vec<Values>,
    failed: Option<String>,
}

/// Everything that was measured.
pub struct Report {
    contenders: Vec<Contender>,
    rows: Vec<Row>,
    cells: Vec<Cell>,
    began: machine::Moment,
}

impl Report {
    pub fn new(contenders: &[Contender]) -> Self {
        Self {
            contenders: contenders.to_vec(),
            rows: Vec::new(),
            cells: Vec::new(),
            began: machine::Moment::now(),
        }
    }

    /// Takes what came of a turn.
    pub fn add(&mut self, row: Row, contender: Contender, measured: Result<Values, String>) {
        if !self.rows.contains(&row) {
            self.rows.push(row);
        }
        let known = |cell: &Cell| cell.row == row && cell.contender == contender;
        let place = self.cells.iter().position(known).unwrap_or_else(|| {
            self.cells.push(Cell {
                row,
                contender,
                rounds: Vec::new(),
                failed: None,
            });
            self.cells.len() - 1
        });
        match measured {
            Ok(values) => self.cells[place].rounds.push(values),
            Err(why) => self.cells[place].failed = Some(why),
        }
    }

    /// Whether a server could not do a row.
    pub fn has_failed(&self, row: Row, contender: Contender) -> bool {
        self.cell(row, contender)
            .is_some_and(|cell| cell.failed.is_some())
    }

    fn cell(&self, row: Row, contender: Contender) -> Option<&Cell> {
        let mut cells = self.cells.iter();
        cells.find(|cell| cell.row == row && cell.contender == contender)
    }

    /// The median of a column.
    fn value(&self, row: Row, contender: Contender, column: &str) -> Option<f64> {
        let cell = self.cell(row, contender)?;
        let of_round = |values: &Values| {
            let found = values.iter().find(|(name, _)| *name == column)?;
            (!found.1.is_nan()).then_some(found.1)
        };
        let mut values: Vec<f64> = cell.rounds.iter().filter_map(of_round).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    fn columns(&self, row: Row) -> Vec<&'static str> {
        let mut cells = self.cells.iter().filter(|cell| cell.row == row);
        let values = cells.find_map(|cell| cell.rounds.first());
        values.map_or(Vec::new(), |values| {
            values.iter().map(|(name, _)| *name).collect()
        })
    }

    /// All of it.
    pub fn markdown(&self, scale: &Scale, rounds: usize) -> String {
        let mut out = format!(
            "# Results of `cargo xtask bench relay`\n\n{}\n{}",
            machine::about(&self.began, &scale.session.name, rounds),
            machine::NOTES
        );
        let _ = writeln!(out, "\n{}", Goals(self));
        for &row in &self.rows {
            let _ = writeln!(out, "## {}\n\n{}.\n", row.name(), row.about(scale));
            self.table(&mut out, row);
        }
        out
    }

    fn table(&self, out: &mut String, row: Row) {
        let columns = self.columns(row);
        let _ = writeln!(out, "| server | {} |", columns.join(" | "));
        let _ = writeln!(out, "|---|{}", "---:|".repeat(columns.len()));
        for &contender in &self.contenders {
            let Some(cell) = self.cell(row, contender) else {
                continue;
            };
            let _ = write!(out, "| {} |", contender.name());
            if let Some(why) = &cell.failed {
                let _ = writeln!(
                    out,
                    " {} {}",
                    why.replace('|', "/"),
                    "|".repeat(columns.len())
                );
                continue;
            }
            for column in &columns {
                let value = self.value(row, contender, column);
                let _ = write!(out, " {} |", value.map_or("–".to_owned(), shown));
            }
            out.push('\n');
        }
        out.push('\n');
    }
}

/// A number with three digits that count.
fn shown(value: f64) -> String {
    let whole = value.abs().log10().floor();
    if value >= 100.0 {
        let digits = format!("{value:.0}");
        let mut grouped = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        return grouped;
    }
    if value.abs() < 0.001 {
        return "0".to_owned();
    }
    let decimals = (2.0 - whole).clamp(0.0, 3.0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_are_exact() {
        let cases = [
            (1_234_567.8, "1,234,568"),
            (123.4, "123"),
            (12.34, "12.3"),
            (1.234, "1.23"),
            (0.1234, "0.123"),
            (0.0, "0"),
        ];
        for (value, text) in cases {
            assert_eq!(shown(value), text);
        }
    }

    #[test]
    fn the_median_of_the_rounds_counts_and_a_failure_stays() {
        let row = Row::Burst;
        let mut report = Report::new(&[Contender::Raw, Contender::YSweet]);
        for value in [9.0, 1.0, 2.0] {
            report.add(row, Contender::Raw, Ok(vec![("x", value)]));
        }
        report.add(row, Contender::YSweet, Err("lost some".to_owned()));
        assert_eq!(report.value(row, Contender::Raw, "x"), Some(2.0));
        assert!(report.has_failed(row, Contender::YSweet));
        let mut out = String::new();
        report.table(&mut out, row);
        assert!(
            out.contains("| raw | 2.00 |") && out.contains("lost some"),
            "{out}"
        );
    }
}
