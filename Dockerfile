# A static binary with its browser assets on an image without a shell. Whoever needs the same bytes again pins the three images
# by digest: docker buildx imagetools inspect IMAGE.
FROM node:20-bookworm-slim AS assets
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY assets ./assets
RUN npm run build

FROM golang:1.26-bookworm AS binary
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=assets /src/assets/dist ./assets/dist
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags "-s -w -X github.com/prometheus/common/version.Version=${VERSION}" -o /weir ./cmd/weir \
 && mkdir /data

FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=dev
LABEL org.opencontainers.image.title="weir" \
      org.opencontainers.image.description="Mesh observability and traffic control: accepted, programmed, observed" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=binary /weir /weir
COPY --from=binary --chown=65532:65532 /data /data
USER 65532:65532
# Everything that is written is in here: the root may be read-only (docker run --read-only --tmpfs /tmp).
VOLUME /data
# The console and the API; the control plane. Weir's own metrics stay on the container's loopback (--metrics-listen).
EXPOSE 8080 18000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --retries=3 CMD ["/weir", "ready", "--url", "http://127.0.0.1:8080"]
ENTRYPOINT ["/weir"]
# People sign in; proxies are served over TLS, by Weir's own authority. The console speaks plain HTTP to whoever reaches the
# container: put TLS before it, or give --tls-cert and --tls-key instead of --insecure-http.
CMD ["serve", "--data", "/data", "--listen", "0.0.0.0:8080", "--insecure-http", "--xds-listen", "0.0.0.0:18000"]
