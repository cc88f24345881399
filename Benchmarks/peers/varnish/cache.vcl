# Varnish as the peer, tuned in its favour: no log, nothing of VCL but what is built in, cookies aside, which a CDN's key leaves out too.
vcl 4.1;

backend origin {
  .host = "127.0.0.1";
  .port = "@ORIGIN_PORT@";
}

sub vcl_recv {
  unset req.http.Cookie;
  unset req.http.Accept-Encoding;
}
