"""
The web server of a site: nginx with TLS before the application, and the door.

Promise: TLS 1.2 or later; while the door is not open only requests below the verification path that
carry the token reach the application. The configuration on disk is compared with what was declared.
"""

from pydantic import Field

from provisioning.door_state import VERIFICATION_PATH
from provisioning.local import ports
from provisioning.local.kinds.hosted import Hosted, HostedInputs
from provisioning.local.place import File, Files
from provisioning.local.plugin.glue import State
from provisioning.local.supervisor import Service

_NGINX = """\
# Written by Bascule; `pulumi up --refresh` puts changes back.
daemon off;
worker_processes 2;
pid {folder}/run/nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    log_format timed '$remote_addr [$time_iso8601] "$request_method $uri" $status $body_bytes_sent'
                     ' $request_time';
    access_log {folder}/log/access.log timed;
    server_tokens off;
    sendfile on;
    keepalive_timeout 65s;
    client_max_body_size 64m;
    client_body_temp_path {folder}/run/nginx/body;
    proxy_temp_path {folder}/run/nginx/proxy;
    fastcgi_temp_path {folder}/run/nginx/fastcgi;
    uwsgi_temp_path {folder}/run/nginx/uwsgi;
    scgi_temp_path {folder}/run/nginx/scgi;
    # Whoever holds the token may be asked for as somebody with these rights; nobody else may say so.
    map $may_verify $verified_entitlements {{ default ""; 1 $http_x_verification_entitlements; }}
    # Holds the verification token, so that it stands in a file of its own.
    include {folder}/etc/nginx/token.conf;
    upstream application {{ server {upstream} max_fails=0; keepalive 8; }}
    server {{
        listen {address}:{port} ssl;
        server_name {names};
        ssl_certificate {folder}/etc/nginx/server.crt;
        ssl_certificate_key {folder}/etc/nginx/server.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305;
        ssl_session_cache shared:tls:1m;
        ssl_session_tickets off;
        add_header Strict-Transport-Security "max-age=31536000" always;
        add_header X-Content-Type-Options nosniff always;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto https;
        # Here, and not where it is asked for: a location with a header of its own inherits none of these.
        proxy_set_header X-Verification-Token "";
        proxy_set_header X-Verification-Entitlements $verified_entitlements;
        location {verification_path} {{
            if ($may_verify = 0) {{ return 403; }}
            rewrite ^/\\.bascule/verify(/.*)$ $1 break;
            proxy_pass http://application;
        }}
        location / {{
            error_page 503 @closed;
            if (!-f {folder}/run/door/now/open) {{ return 503; }}
            proxy_pass http://application;
        }}
        location @closed {{
            root {folder}/run/door/now;
            default_type text/html;
            add_header Strict-Transport-Security "max-age=31536000" always;
            add_header X-Content-Type-Options nosniff always;
            add_header Retry-After 600 always;
            add_header Cache-Control no-store always;
            rewrite ^ /page.html break;
        }}
    }}
}}
"""


class WebServerInputs(HostedInputs):
    address: str
    port: int = ports.HTTPS
    names: tuple[str, ...] = Field(min_length=1)
    certificate: str
    private_key: str
    upstream: str
    """``unix:<path relative to the host's folder>`` or ``<address>:<port>``."""
    verification_token: str = Field(pattern=r"^[A-Za-z0-9]{20,}$")


class WebServerKind(Hosted[WebServerInputs]):
    token = "bascule:local:WebServer"  # noqa: S105
    secret = frozenset({"private_key", "verification_token"})
    replaced_by = frozenset({"host"})

    def files(self, inputs: WebServerInputs) -> Files:
        folder = inputs.place.folder
        form, _, rest = inputs.upstream.partition(":")
        configuration = _NGINX.format(
            folder=folder,
            address=inputs.address,
            port=inputs.port,
            names=" ".join(inputs.names),
            upstream=f"unix:{folder}/{rest}" if form == "unix" else inputs.upstream,
            verification_path=VERIFICATION_PATH,
        )
        token = (
            f'map $http_x_verification_token $may_verify {{ default 0; "{inputs.verification_token}" 1; }}\n'
        )
        return {
            "etc/nginx/nginx.conf": File(configuration),
            "etc/nginx/token.conf": File(token),
            "etc/nginx/server.crt": File(inputs.certificate),
            "etc/nginx/server.key": File(inputs.private_key),
        }

    def service(self, inputs: WebServerInputs) -> Service:
        configuration = str(inputs.place.path("etc/nginx/nginx.conf"))
        return Service(
            name="nginx",
            command=("/usr/sbin/nginx", "-e", "stderr", "-c", configuration),
            ready=(f"tcp:{inputs.address}:{inputs.port}",),
            stop_signal="QUIT",  # requests in flight are answered
        )

    def create(self, inputs: WebServerInputs) -> tuple[str, State]:
        return f"{inputs.address}:{inputs.port}", self.update(inputs, {})

    def read(self, inputs: WebServerInputs, state: State) -> State | None:
        return self.observe(inputs) if inputs.place.exists else None

    def update(self, inputs: WebServerInputs, state: State) -> State:
        inputs.place.make_folder("run/nginx")
        self.settle(inputs)
        return {"url": f"https://{inputs.address}:{inputs.port}"}

    def delete(self, inputs: WebServerInputs, state: State) -> None:
        self.clear(inputs)
        inputs.place.remove("run/nginx")
