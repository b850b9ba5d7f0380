//! Topics and queues on RabbitMQ, through their public interfaces, against a real server.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod ground;
mod contract;
mod alarm;
mod leaders;
mod restart;
mod faulty;
mod tls;
