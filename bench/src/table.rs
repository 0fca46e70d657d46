//! What was measured, as Markdown: a column for each contender, the best peer, and how Driftwood compares to it.

use crate::contender::OURS;
use std::fmt::Write;

/// What a number counts. The less the better, always.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Milliseconds of CPU.
    Ms,
    /// Bytes.
    Bytes,
    /// Bytes for each edit.
    BytesEach,
}

/// What stands in a cell.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell {
    /// A number.
    Number(f64),
    /// The time was over: seconds, and which part was done.
    Unfinished(f64, f64),
    /// No number, and why.
    Because(&'static str),
    /// Has no such thing.
    Empty,
}

/// Columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Whether it is a plain structure, which holds no record.
    pub is_plain: bool,
}

/// A table of one workload.
pub struct Table {
    /// What was done.
    pub title: String,
    /// Who did it.
    pub columns: Vec<Column>,
    /// What was measured.
    pub rows: Vec<(&'static str, Unit, Vec<Cell>)>,
}

impl Table {
    /// The best peer of a row, and its number.
    fn record(&self, cells: &[Cell]) -> Option<(&'static str, f64)> {
        let numbers = self
            .columns
            .iter()
            .zip(cells)
            .filter_map(|(column, cell)| match cell {
                Cell::Number(number) if !column.is_plain && column.name != OURS => {
                    Some((column.name, *number))
                }
                _ => None,
            });
        numbers.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Driftwood's number through that of the best peer.
    fn ratio(&self, cells: &[Cell]) -> Option<f64> {
        let ours = self.columns.iter().position(|column| column.name == OURS)?;
        match (&cells[ours], self.record(cells)) {
            (Cell::Number(ours), Some((_, record))) if record > 0.0 => Some(ours / record),
            _ => None,
        }
    }

    /// Rows in which a peer is ahead: what is measured, who, and by how much.
    pub fn behind(&self) -> Vec<(&'static str, &'static str, f64)> {
        let rows = self.rows.iter().filter_map(|(name, _, cells)| {
            let (holder, _) = self.record(cells)?;
            let ratio = self.ratio(cells)?;
            (ratio >= 1.0).then_some((*name, holder, ratio))
        });
        rows.collect()
    }

    /// How many rows have both Driftwood and a peer in them.
    pub fn compared(&self) -> usize {
        self.rows
            .iter()
            .filter(|(_, _, cells)| self.ratio(cells).is_some())
            .count()
    }

    /// The table in Markdown.
    pub fn markdown(&self) -> String {
        let mut out = format!("### {}\n\n| measure |", self.title);
        for column in &self.columns {
            let star = if column.is_plain { "*" } else { "" };
            let _ = write!(out, " {}{star} |", column.name);
        }
        out.push_str(" best peer | driftwood is |\n| :- |");
        out.push_str(&" -: |".repeat(self.columns.len()));
        out.push_str(" :- | -: |\n");
        for (name, unit, cells) in &self.rows {
            let _ = write!(out, "| {name} |");
            for cell in cells {
                let _ = write!(out, " {} |", shown(cell, *unit));
            }
            let record = self.record(cells).map_or("", |(name, _)| name);
            let ratio = self.ratio(cells).map(ratio_shown).unwrap_or_default();
            let _ = writeln!(out, " {record} | {ratio} |");
        }
        out
    }
}

fn ratio_shown(ratio: f64) -> String {
    let figures = match ratio {
        ratio if ratio >= 100.0 => format!("{ratio:.0}x"),
        ratio if ratio >= 10.0 => format!("{ratio:.1}x"),
        ratio => format!("{ratio:.2}x"),
    };
    // What is to be looked at stands out.
    if ratio < 1.0 {
        figures
    } else {
        format!("**{figures}**")
    }
}

fn shown(cell: &Cell, unit: Unit) -> String {
    match cell {
        Cell::Number(number) => number_shown(*number, unit),
        Cell::Unfinished(seconds, part) => {
            format!("not finished in {seconds:.0} s ({:.0} %)", part * 100.0)
        }
        Cell::Because(why) => (*why).to_owned(),
        Cell::Empty => String::new(),
    }
}

/// A number with as many figures as mean something.
pub fn number_shown(number: f64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => thousands(number as u64),
        Unit::BytesEach => format!("{number:.1}"),
        Unit::Ms if number >= 100.0 => format!("{number:.0}"),
        Unit::Ms if number >= 10.0 => format!("{number:.1}"),
        Unit::Ms if number >= 0.1 => format!("{number:.2}"),
        Unit::Ms => format!("{number:.3}"),
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(cells: Vec<Cell>) -> Table {
        let column = |name, is_plain| Column { name, is_plain };
        Table {
            title: "text".to_owned(),
            columns: vec![
                column("rope", true),
                column(OURS, false),
                column("a", false),
                column("b", false),
            ],
            rows: vec![("row", Unit::Ms, cells)],
        }
    }

    #[test]
    fn plain_structures_hold_no_record() {
        let cells = [1.0, 4.0, 8.0, 2.0].map(Cell::Number).to_vec();
        let table = table(cells);
        assert_eq!(table.behind(), [("row", "b", 2.0)]);
        let line = table.markdown().lines().last().map(str::to_owned);
        assert_eq!(
            line.as_deref(),
            Some("| row | 1.00 | 4.00 | 8.00 | 2.00 | b | **2.00x** |")
        );
    }

    #[test]
    fn who_gave_up_holds_no_record_either() {
        let cells = vec![
            Cell::Empty,
            Cell::Number(3.0),
            Cell::Unfinished(10.0, 0.5),
            Cell::Number(6.0),
        ];
        let table = table(cells);
        assert_eq!((table.behind().len(), table.compared()), (0, 1));
        assert!(table
            .markdown()
            .contains("not finished in 10 s (50 %) | 6.00 | b | 0.50x |"));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(number_shown(1_234_567.0, Unit::Bytes), "1,234,567");
        assert_eq!(number_shown(999.0, Unit::Bytes), "999");
        assert_eq!(number_shown(0.01234, Unit::Ms), "0.012");
        assert_eq!(number_shown(12.345, Unit::Ms), "12.3");
    }
}
