//! [`Session`]: the connection of one attempt at a request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_sql::{Answer, Done, Fault, Statement};
use mysql_async::Row;
use mysql_async::prelude::Queryable as _;
use tokio::sync::Mutex;

use crate::connections::Connection;
use crate::fault;
use crate::reply::Reply;
use crate::sql::Literals;

/// Bytes of statements that travel in one packet, as far as the server takes so many; a longer statement has a packet of its own.
const PACKET: usize = 1 << 20;

/// A connection, of one attempt alone.
#[derive(Debug)]
pub struct Session {
    pub(crate) sql: Mutex<Connection>,
    /// How long a statement may take.
    pub(crate) left: Duration,
    /// COMMIT was sent: from then on nobody but the server knows.
    pub(crate) committing: AtomicBool,
}

impl guildhall_sql::Session for Session {
    type Params = Literals;
    type Row = Reply;

    fn left(&self) -> Duration {
        self.left
    }

    async fn ask(&self, statements: Vec<Statement<Literals>>) -> Done<Vec<Answer<Reply>>> {
        let mut connection = self.sql.lock().await;
        let mut answers = Vec::with_capacity(statements.len());
        for (text, count) in packets(statements, connection.packet_max)? {
            let asked = connection.conn.query_iter(text).await;
            let mut asked = asked.map_err(|error| fault::of(&error))?;
            for _ in 0..count {
                let changed = asked.affected_rows();
                let rows: Vec<Row> = asked.collect().await.map_err(|error| fault::of(&error))?;
                answers.push(Answer { rows: rows.into_iter().map(Reply).collect(), changed });
            }
            if !asked.is_empty() {
                return Err(Fault::Lost("the server answers more than it was asked".to_owned()));
            }
        }
        Ok(answers)
    }

    async fn commit(&self) -> Done<()> {
        let mut connection = self.sql.lock().await;
        self.committing.store(true, Ordering::Release);
        let committed = connection.conn.query_drop("COMMIT").await;
        committed.map_err(|error| fault::of_commit(&error))?;
        self.committing.store(false, Ordering::Release);
        Ok(())
    }
}

/// Statements in packets, each with how many are in it.
fn packets(
    statements: Vec<Statement<Literals>>,
    packet_max: usize,
) -> Result<Vec<(String, usize)>, Fault> {
    let mut packets: Vec<(String, usize)> = Vec::new();
    for Statement { sql, params } in statements {
        if let Some(why) = params.and_then(|literals| literals.refused) {
            return Err(Fault::Values(why));
        }
        // One byte of a packet says what it is.
        if sql.len() + 1 > packet_max {
            let why = format!(
                "{} bytes of SQL are over the server's max_allowed_packet, {packet_max}; make the row smaller, or raise it",
                sql.len()
            );
            return Err(Fault::Values(why));
        }
        match packets.last_mut() {
            Some((text, count)) if text.len() + sql.len() + 2 < PACKET.min(packet_max) => {
                text.push(';');
                text.push_str(&sql);
                *count += 1;
            }
            _ => packets.push((sql, 1)),
        }
    }
    Ok(packets)
}

#[cfg(test)]
mod tests;
