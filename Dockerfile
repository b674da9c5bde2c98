# A static binary with its browser assets on an image without a shell.
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
LABEL org.opencontainers.image.title="weir" \
      org.opencontainers.image.description="Mesh observability and traffic control: accepted, programmed, observed" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=binary /weir /weir
COPY --from=binary --chown=65532:65532 /data /data
USER 65532:65532
VOLUME /data
EXPOSE 8080 18000
ENTRYPOINT ["/weir"]
CMD ["serve", "--data", "/data"]
