//! The program as people run it, against apps that run.

mod calls;
mod clusters;
mod lists;
mod program;
mod projects;
mod through_a_gate;
mod world;
