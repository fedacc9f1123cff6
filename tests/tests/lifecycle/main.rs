//! What becomes of realms: they are made, published, unpublished, deleted, archived and shared, on several replicas.

mod again;
mod ends;
mod events;
mod publishing;
mod races;
mod readers;
mod reading;
mod scene;
mod writers;
