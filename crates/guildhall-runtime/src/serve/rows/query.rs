//! [`RowsQuery`]: queries by indexed columns, page by page.

use guildhall_core::store::{Compare, Condition, Cursor, Order, Query};
use guildhall_core::{Effect, Status};
use guildhall_entity::{ActorState, Entity, Index, Scalar};

use super::{Rows, status, unreadable};

/// Rows of a page where the query says nothing else.
const PAGE_ROWS: usize = 100;

/// A question to one table, from [`Rows::query`]: `cx.table::<SeatStateEntity>().query().equal(SeatStateEntity::BY_GUILD, 7)`.
///
/// Without an order rows come by the text of their key. A range (`above`, `below`) needs the order of its column.
///
/// The rows of actors are found as they were saved last: good for lists, and for keys to call.
#[derive(Debug)]
#[must_use = "a query asks nothing before `page`"]
pub struct RowsQuery<'a, E> {
    rows: Rows<'a, E>,
    query: Query,
}

/// Some of the rows that a query asks for.
#[derive(Debug)]
pub struct RowsPage<E> {
    /// The rows, in the query's order.
    pub rows: Vec<E>,
    /// For [`RowsQuery::after`]; `None` when there is nothing more. A page may have few rows, or none, and yet have this.
    pub next: Option<Cursor>,
}

impl<'a, E: Entity> Rows<'a, E> {
    /// Begins a query.
    pub fn query(self) -> RowsQuery<'a, E> {
        let (conditions, order) = (Vec::new(), Order::Key);
        let (table, limit) = (E::TABLE, PAGE_ROWS);
        let query = Query { table, conditions, order, after: None, limit, keys_only: false };
        RowsQuery { rows: self, query }
    }
}

impl<E: Entity> RowsQuery<'_, E> {
    /// Only rows with this value.
    pub fn equal<T: Scalar>(self, index: Index<E, T>, value: impl Into<T>) -> Self {
        self.when(index, Compare::Equal, &value.into())
    }

    /// Only rows with a larger value.
    pub fn above<T: Scalar>(self, index: Index<E, T>, value: impl Into<T>) -> Self {
        self.when(index, Compare::Greater, &value.into())
    }

    /// Only rows with a smaller value.
    pub fn below<T: Scalar>(self, index: Index<E, T>, value: impl Into<T>) -> Self {
        self.when(index, Compare::Less, &value.into())
    }

    /// The smallest values first; rows with equal ones by the text of their key.
    pub fn up<T>(mut self, index: Index<E, T>) -> Self {
        self.query.order = Order::Up(index.number());
        self
    }

    /// The largest values first: the opposite of [`RowsQuery::up`].
    pub fn down<T>(mut self, index: Index<E, T>) -> Self {
        self.query.order = Order::Down(index.number());
        self
    }

    /// Only what comes after a page before.
    pub fn after(mut self, cursor: impl Into<Option<Cursor>>) -> Self {
        self.query.after = cursor.into();
        self
    }

    /// At most so many rows on a page: 100 where nothing is said, 1000 at most.
    pub fn limit(mut self, rows: usize) -> Self {
        self.query.limit = rows;
        self
    }

    /// Asks for a page.
    ///
    /// # Errors
    /// The store does not answer, a row does not hold what the proto says, or the query does not fit: the message says why.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn page(self) -> Result<RowsPage<E>, Status> {
        let Self { rows, query } = self;
        let (store, _) = rows.store()?;
        let found = rows.within("a query", Effect::NotRun, store.query(&query)).await?;
        let page = found.map_err(|error| status(&error))?;
        let load =
            |(key, row)| ActorState::load(&key, vec![row]).map_err(|error| unreadable(&error));
        let rows = page.rows.into_iter().map(load).collect::<Result<_, _>>()?;
        Ok(RowsPage { rows, next: page.next })
    }

    fn when<T: Scalar>(mut self, index: Index<E, T>, compare: Compare, value: &T) -> Self {
        let (column, value) = (index.number(), value.to_value());
        self.query.conditions.push(Condition { column, compare, value });
        self
    }
}
