//! Documents' pages and renderings, as they are served from the index, and what is told of the index. What the index has is
//! written into the database by the tests themselves: who makes it is another matter.

mod endpoints;
mod fragments;
mod freshness;
mod hostile;
mod scene;
mod shell;
