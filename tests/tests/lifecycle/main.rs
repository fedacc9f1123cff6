//! What becomes of realms: they are made, published, unpublished, deleted, archived and shared, on several replicas.

mod announcing;
mod audit;
mod commands;
mod crowd;
mod failures;
mod killed;
mod leftovers;
mod locks;
mod operation;
mod publishing;
mod stage;
