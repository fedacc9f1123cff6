//! Every fault that we can make: real hosts on a real Postgres, a writer and readers that never let up, and an account of
//! what they saw. `make faults` prints it as one table.

mod connections;
mod database;
mod history;
mod hosts;
mod load;
mod notifications;
mod pooler;
mod scene;
mod table;
mod watch;
