//! Tables of text whose columns are aligned.

/// Between two columns.
const GAP: &str = "  ";

/// Rows under a head; columns whose name begins with `>` are numbers, aligned to the right.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl ToString>) {
        self.rows.push(cells.into_iter().map(|cell| cell.to_string()).collect());
    }

    /// Lines without spaces at their ends; none when there are no rows.
    pub(crate) fn lines(&self) -> Vec<String> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let names: Vec<String> =
            self.head.iter().map(|name| name.trim_start_matches('>').to_owned()).collect();
        let all: Vec<&Vec<String>> = [&names].into_iter().chain(&self.rows).collect();
        let width = |at: usize| {
            let cells = all.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |row: &&Vec<String>| {
            let cells = row.iter().zip(&self.head).zip(&widths).map(|((cell, name), width)| {
                let blank = " ".repeat(width.saturating_sub(cell.chars().count()));
                let right = name.starts_with('>');
                if right { format!("{blank}{cell}") } else { format!("{cell}{blank}") }
            });
            cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
        };
        all.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["APP", ">LOAD", "STATE"]);
        table.row(["dev.w1.a.1", "7", "ready"]);
        table.row(["b", "1234567", ""]);
        let want =
            ["APP            LOAD  STATE", "dev.w1.a.1        7  ready", "b           1234567"];
        assert_eq!(table.lines(), want);
        assert!(Table::new(&["APP"]).lines().is_empty());
    }
}
