# The binary is built where the builder runs, for the platform that the image is for.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH TARGETVARIANT
ARG VERSION=unknown REVISION=unknown BRANCH=unknown DATE=unknown
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} go build -trimpath -buildvcs=false -o /hoop_exporter -ldflags "-s -w \
    -X github.com/prometheus/common/version.Version=$VERSION \
    -X github.com/prometheus/common/version.Revision=$REVISION \
    -X github.com/prometheus/common/version.Branch=$BRANCH \
    -X github.com/prometheus/common/version.BuildDate=$DATE" . && mkdir /state

FROM gcr.io/distroless/static-debian13:nonroot
LABEL org.opencontainers.image.title="hoop_exporter" \
      org.opencontainers.image.description="Prometheus exporter for hoop gateways" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /hoop_exporter /bin/hoop_exporter
COPY LICENSE /LICENSE
# For --state.dir: a volume that is mounted here belongs to the exporter's user.
COPY --from=build --chown=65532:65532 /state /var/lib/hoop_exporter
USER 65532:65532
EXPOSE 10068
ENTRYPOINT ["/bin/hoop_exporter"]
