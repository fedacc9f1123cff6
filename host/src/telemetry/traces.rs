use axum::response::Response;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Request, header};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{KeyValue, trace::TraceContextExt};
use opentelemetry_otlp::{
    OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;
use url::Url;

use super::TRACE;
use crate::outbound;

pub(super) type Provider = SdkTracerProvider;

/// Sends spans to a collector over HTTP, in batches, from a thread of its own.
pub(super) fn provider(collector: &str, ratio: f64) -> anyhow::Result<Provider> {
    let endpoint = format!("{}/v1/traces", collector.trim_end_matches('/'));
    let url = Url::parse(&endpoint)?;
    let client = outbound::blocking(&url, OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT);
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client.map_err(anyhow::Error::msg)?)
        .with_endpoint(endpoint)
        .build()?;
    let resource = Resource::builder()
        .with_service_name("realm")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    // Whoever comes with a trace has decided already.
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .with_sampler(sampler)
        .build())
}

/// What turns spans into what the provider sends.
pub(super) fn layer<S: Subscriber + for<'span> LookupSpan<'span>>(
    provider: &Provider,
) -> impl Layer<S> {
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("realm"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
}

/// 16 hexadecimal digits.
pub(crate) fn hex(number: u64) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 16];
    for (place, digit) in text.iter_mut().enumerate() {
        *digit = DIGITS[(number >> (60 - 4 * place)) as usize & 15];
    }
    HeaderValue::from_bytes(&text).expect("digits are visible ASCII")
}

/// The span of a request, named and described by OpenTelemetry's conventions for HTTP servers; below the trace that the
/// request comes with (W3C Trace Context), if it does.
pub(crate) fn request_span<B>(request: &Request<B>, id: &HeaderValue) -> Span {
    let span = tracing::info_span!(
        target: TRACE,
        "request",
        otel.name = request.method().as_str(),
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        http.request.method = request.method().as_str(),
        http.response.status_code = tracing::field::Empty,
        url.path = request.uri().path(),
        server.address = text(request.headers(), &header::HOST),
        user_agent.original = text(request.headers(), &header::USER_AGENT),
        realm.request.id = id.to_str().unwrap_or_default(),
        realm.cache.status = tracing::field::Empty,
        realm.generation = tracing::field::Empty,
    );
    if !span.is_disabled() {
        let context = TraceContextPropagator::new().extract(&Headers(request.headers()));
        if context.span().span_context().is_valid() {
            // It fails only where nobody traces.
            let _ = span.set_parent(context);
        }
    }
    span
}

/// Notes what a request was answered with.
pub(crate) fn answered(span: &Span, response: &Response) {
    if span.is_disabled() {
        return;
    }
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    for (field, name) in [
        ("realm.cache.status", "cache-status"),
        ("realm.generation", "realm-generation"),
    ] {
        if let Some(value) = response.headers().get(name).and_then(|v| v.to_str().ok()) {
            span.record(field, value);
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> &'a str {
    let value = headers.get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(header::HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sixteen_digits() {
        assert_eq!(super::hex(0x00ab_cdef_0123_4567), "00abcdef01234567");
    }
}
