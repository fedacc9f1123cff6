//! What becomes of realms: they are made, published, unpublished, deleted, archived and shared, on several replicas.

mod publishing;
mod readers;
mod reading;
mod scene;
