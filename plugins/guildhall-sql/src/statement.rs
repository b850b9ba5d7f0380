//! [`Statement`] and [`Answer`]: what a server is asked, and what it says.

use guildhall_core::store::Value;

/// The parameters of a statement. Each method adds one, and returns what stands for it in the SQL.
pub trait Params: Default + Send + Sync {
    /// Adds text.
    fn text(&mut self, text: &str) -> String;
    /// Adds an unsigned number.
    fn uint(&mut self, n: u64) -> String;
    /// Adds a signed number.
    fn int(&mut self, n: i64) -> String;
    /// Adds a truth value.
    fn bool(&mut self, is: bool) -> String;
    /// Adds a floating-point number.
    fn float(&mut self, n: f64) -> String;
    /// Adds bytes.
    fn bytes(&mut self, bytes: &[u8]) -> String;

    /// Adds the value of a column.
    fn value(&mut self, value: &Value) -> String {
        match value {
            Value::Bool(v) => self.bool(*v),
            Value::Int(v) => self.int(*v),
            Value::Uint(v) => self.uint(*v),
            Value::Float(v) => self.float(*v),
            Value::Text(v) => self.text(v),
            Value::Bytes(v) => self.bytes(v),
        }
    }
}

/// What a server is asked.
#[derive(Debug)]
pub struct Statement<P> {
    /// The text.
    pub sql: String,
    /// Its parameters; `None` where nothing has to be answered but that it is done.
    pub params: Option<P>,
}

impl<P> Statement<P> {
    /// A statement without parameters and without rows.
    pub fn plain(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), params: None }
    }

    /// A statement with parameters.
    pub fn new(sql: impl Into<String>, params: P) -> Self {
        Self { sql: sql.into(), params: Some(params) }
    }
}

/// What a server says to a statement.
#[derive(Debug)]
pub struct Answer<R> {
    /// The rows that it asked for.
    pub rows: Vec<R>,
    /// How many rows it has changed.
    pub changed: u64,
}

/// A row of an answer. The errors say what is damaged.
#[allow(clippy::missing_errors_doc, reason = "all have the same error")]
pub trait Fields {
    /// Text.
    fn text(&self, at: usize) -> Result<Option<String>, String>;
    /// An unsigned number.
    fn uint(&self, at: usize) -> Result<Option<u64>, String>;
    /// A signed number.
    fn int(&self, at: usize) -> Result<Option<i64>, String>;
    /// A truth value.
    fn bool(&self, at: usize) -> Result<Option<bool>, String>;
    /// A floating-point number.
    fn float(&self, at: usize) -> Result<Option<f64>, String>;
    /// Bytes.
    fn bytes(&self, at: usize) -> Result<Option<Vec<u8>>, String>;
}

/// What must not be absent.
///
/// # Errors
/// It is absent, or the error of reading it.
pub fn some<T>(field: Result<Option<T>, String>, at: usize) -> Result<T, String> {
    field?.ok_or_else(|| format!("column {at} of the answer is NULL"))
}
