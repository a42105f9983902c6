//! Results: rows that are printed, and columns that are drawn.

use crate::number::text;
use crate::plot::{self, Panel};

/// Rows of numbers. The first column is what grows.
#[derive(Debug)]
pub(crate) struct Table {
    name: &'static str,
    columns: &'static [&'static str],
    rows: Vec<Vec<f64>>,
}

impl Table {
    /// An empty table; prints its head.
    pub(crate) fn new(name: &'static str, columns: &'static [&'static str]) -> Self {
        println!("\n{name}\n\n| {} |", columns.join(" | "));
        println!("|{}", "---|".repeat(columns.len()));
        Self {
            name,
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row, and prints it.
    pub(crate) fn row(&mut self, numbers: &[f64]) {
        assert_eq!(numbers.len(), self.columns.len());
        let cells: Vec<_> = numbers.iter().map(|number| text(*number)).collect();
        println!("| {} |", cells.join(" | "));
        self.rows.push(numbers.to_vec());
    }

    /// Draws some of the columns into `docs/scale`, beside each other. Those of one panel share an axis.
    pub(crate) fn draw(&self, panels: &[&[usize]]) {
        let panels: Vec<_> = panels.iter().map(|columns| self.panel(columns)).collect();
        plot::draw(self.name, self.columns[0], &panels);
    }

    fn panel(&self, columns: &[usize]) -> Panel {
        let line = |column: usize| {
            let points = self.rows.iter().map(|row| (row[0], row[column]));
            (self.columns[column], points.collect())
        };
        Panel(columns.iter().map(|column| line(*column)).collect())
    }
}
