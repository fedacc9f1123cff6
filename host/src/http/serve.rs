use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::App;
use crate::config::HttpLimits;
use crate::telemetry::Metrics;

/// Tells a socket to stop.
pub type Stop = CancellationToken;

/// Requests of one HTTP/2 connection at one time.
const STREAMS: u32 = 128;
/// HTTP/1 headers of one request.
const HEADERS: usize = 100;

/// Serves the public socket until told to stop; then takes no new connection, lets requests finish, and returns.
pub async fn serve_public(listener: TcpListener, app: App, stop: Stop) {
    let limits = app.0.limits.clone();
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(app.answer(request).await) }
    });
    serve(listener, service, stop, &limits).await;
}

/// Serves the admin socket in the same way.
pub async fn serve_admin(listener: TcpListener, app: App, metrics: Metrics, stop: Stop) {
    let limits = HttpLimits {
        drain: Duration::from_secs(1),
        ..app.0.limits.clone()
    };
    let service = TowerToHyperService::new(app.admin(metrics));
    serve(listener, service, stop, &limits).await;
}

async fn serve<S>(listener: TcpListener, service: S, stop: Stop, limits: &HttpLimits)
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(HEADERS)
        .max_buf_size(limits.header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(limits.header_timeout)
        .keep_alive_timeout(limits.header_timeout);
    let builder = Arc::new(builder);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: connections that end will free some.
                warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        // Reads wait for as long as a connection may be idle; a write that gets nowhere holds an answer in memory.
        stream.set_write_timeout(Some(limits.write_timeout));
        let connection = graceful.watch(
            builder
                .serve_connection(TokioIo::new(Box::pin(stream)), service.clone())
                .into_owned(),
        );
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended with an error");
            }
            drop(place);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(limits.drain, graceful.shutdown()).await;
}

/// The next connection, once there is a place for it: until then it waits in the system's queue.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place.map_err(std::io::Error::other)?))
}
