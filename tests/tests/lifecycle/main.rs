//! What becomes of realms: they are made, published, unpublished, deleted, archived and shared, on several replicas.
//!
//! The defects of the reference system that are about bytes, notifications, the lifecycle and locks (the sections A to D of
//! its list of known bugs), each with the test of ours that would show it, or with the reason why it cannot arise here.
//! Tests are named `file::name`; `unit` ones stand beside the code that they are of.
//!
//! | defect | ours |
//! |---|---|
//! | A1 a publish is broadcast only where the realm is mounted | `lifecycle::races::a_publisher_that_does_not_know_the_realm_clears_a_peer_that_does` |
//! | A2 a flight is joined by another name than it is dropped by | `races::a_write_during_a_read`, `races::a_file_that_takes_an_alias_over_is_seen_by_whoever_comes_after` |
//! | A3 the second cache's row outlives the invalidation | it is keyed by content; `races::a_write_during_a_read` looks at what is stored |
//! | A4 a wipe misses rows that are still to come | nothing is wiped: a key names the bytes that it was made from |
//! | A5 a URL that is used again serves modules of before | `lifecycle::again::what_was_unpublished_and_published_anew_unheard_is_served_within_the_lease` |
//! | A6 each replica writes on each notification | an invalidation writes nothing: `derivations::hits_ask_nothing_and_unchanged_bytes_need_no_call` |
//! | A7 an alias is not taken over by a file that comes | `races::a_file_that_takes_an_alias_over_is_seen_by_whoever_comes_after` |
//! | A8 caches without a bound | unit `cache::bytes::the_bound_holds_under_ten_times_as_many_bytes` |
//! | A9 a module's `ETag` is a second | `lifecycle::readers` asks with `If-None-Match`; `serving::conditions_are_judged_as_http_says` |
//! | A10 private modules say `public` | `permissions::kept::only_what_everyone_may_read_may_be_kept_for_everyone` |
//! | A11 cached sources have no ranges | `http::a_part_of_a_file_is_served_while_it_is_that_file` |
//! | A12 comments promise a repair that nobody makes | there is nothing to repair: as A3 |
//! | A13 an invalidation comes before the removal | `guards::announcing::a_commit_is_announced_once_it_can_be_read`, `races::a_delete_during_a_read` |
//! | B1 no reconnect, no catching up | `coherence::a_listener_that_is_cut_off_comes_back_and_misses_nothing`, `faults::notifications` |
//! | B2 what is told while a host starts is lost | `guards::listening::what_is_announced_while_nobody_listens_is_read_from_the_log`; nothing is cached before it listens |
//! | B3 a lost connection ends the process | `faults::notifications::listen_backend_terminated`, `announcer_ended`, `faults::database::killed_and_restarted` |
//! | B4 payloads that are too long | unit `changes::payload::a_commit_that_does_not_fit_announces_the_whole_realm` |
//! | B5 `*` is a file, `/:` is in a URL | `serving::bad_paths_and_bodies_are_refused`; units `realm::url::urls_are_normalised_or_refused`, `changes::payload::the_grammar` |
//! | B6 a host dies between commit and NOTIFY | `faults::hosts::dead_before_announcing`, `lifecycle::races::a_publisher_that_dies_after_the_commit_leaves_old_bytes_for_no_longer_than_the_lease` |
//! | B7 a NOTIFY per file, under the lock | all that waits is one statement of the announcer, which holds no lock |
//! | B8 gaps cannot be told | a payload is a hint to read the log: `guards::log`, `guards::listening::a_call_that_payloads_cannot_end_any_more_ends_by_the_log` |
//! | C1 a failed publish takes the live tree | one transaction: until its commit nothing is another; `lifecycle::ends` refuses some midway |
//! | C2 a torn snapshot | `lifecycle::writers::each_snapshot_is_one_generation_of_a_source_that_is_being_written` |
//! | C3 a row that became another is not noticed | `lifecycle::again::what_was_unpublished_and_published_anew_unheard_is_served_within_the_lease`, `lifecycle::registry::a_url_that_becomes_another_realms_is_mounted_anew` |
//! | C4 a deleted realm is mounted; the first prefix wins | `lifecycle::readers` (delete), `lifecycle::nested::the_nearest_realm_serves_while_the_others_stay` |
//! | C5 a slow mount holds all others up | mounting asks nobody anything; reading the registry is one bounded read |
//! | C6 unmounting and invalidating end no work | `guards::mounts::a_realm_that_goes_takes_its_calls_with_it`, `coherence::a_call_on_one_ends_when_the_other_changes_what_it_read`, `lifecycle::races::a_publisher_that_does_not_know_the_realm_clears_a_peer_that_does` |
//! | C7 a gap while a publish swaps trees | `lifecycle::readers::no_reader_sees_a_mixture_a_gap_or_old_bytes_after_the_bound` |
//! | C8 definitions are cleared before the bytes | they are rows, cleared in the publish's own transaction |
//! | C9 what a publish says of its source stays local | `_info` asks the database each time |
//! | C10 a mount that fails is tried at each request | mounting cannot fail; `lifecycle::registry::a_first_request_while_the_database_is_away_is_not_told_that_there_is_nothing` shares the question |
//! | C11 the list of catalogues is remembered for ever | there is none |
//! | C12 each start wipes everybody's definitions | `derivations::what_was_made_is_found_again_after_a_restart`: a start wipes nothing |
//! | C13 an unpublish takes files before it has the lock | one transaction, under the lock: `lifecycle::readers` (unpublish) |
//! | D1 a transaction's statements on several connections | a `Transaction` owns its connection: `guards::writing::a_file_is_made_once_by_whoever_comes_first` |
//! | D2 waiting writers hold all connections | `coherence::a_write_lock_that_somebody_else_holds_is_a_clear_error`, unit `lifecycle::queue::one_at_a_time_and_no_more_than_the_bound_wait` |
//! | D3 a transaction is open while a guest runs | none is; `hostile::others_are_served_while_guests_spin_on_every_thread` |
//! | D4 a missed wake-up | nobody waits for another process; flights hold their result: unit `cache::flight::callers_share_one_load_and_a_detached_one_is_not_joined` |
//! | D5 what is stored is checked before, not while | derivations are keyed by content and compared when used: `guards::stored::bytes_of_before_a_change_are_not_served_after_it` |
//! | D6 a peer joins the flight of before | `guards::flights::whoever_comes_after_a_change_does_not_join_a_call_of_before` |
//! | D7 a query per module of a graph | nothing walks a graph: read sets are complete, and compared in one look per realm |
//! | D8 realms are matched by the first prefix, and stay | `lifecycle::nested::what_a_guest_reads_by_url_is_of_the_realm_that_serves_that_url` |

mod again;
mod announcing;
mod audit;
mod commands;
mod cost;
mod crowd;
mod endpoints;
mod ends;
mod events;
mod failures;
mod killed;
mod late;
mod leftovers;
mod locks;
mod nested;
mod operation;
mod publishing;
mod races;
mod readers;
mod reading;
mod registry;
mod scene;
mod stage;
mod writers;
