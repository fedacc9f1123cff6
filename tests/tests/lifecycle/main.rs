//! What becomes of realms: they are made, published, unpublished, deleted, archived and shared, on several replicas.

mod commands;
mod publishing;
