//! Documents and modules that mean harm, in a host as it is shipped: each costs an error row that helps, or is shown as text,
//! beside good ones that are indexed and served all the while.

mod bombs;
mod kept;
mod loops;
mod markup;
mod poison;
mod reach;
mod recursion;
mod scene;
