//! Search: what both databases find, held against a naive reading of the contract; the endpoint, over HTTP; and how long it
//! takes. Entries of the index are put there by SQL, and no host works on it.

mod agreement;
mod endpoint;
mod naive;
mod speed;
mod stage;
