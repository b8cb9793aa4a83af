/* SPDX-License-Identifier: MIT */
#include "base/stream.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

struct tls {
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priority;
	bool ask;
	size_t users;
};

struct tls *tls_load(const char *cert_file, const char *key_file, struct error *err)
{
	struct tls *t = mem_alloc(sizeof(*t));
	int rc = gnutls_certificate_allocate_credentials(&t->credentials);

	t->users = 1;
	if (rc >= 0)
		rc = gnutls_certificate_set_x509_key_file(t->credentials, cert_file, key_file, GNUTLS_X509_FMT_PEM);
	if (rc >= 0)
		rc = gnutls_priority_init(&t->priority, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", NULL);
	if (rc >= 0)
		return t;
	error_set(err, ERROR_INVALID, "the certificate '%s' with the key '%s' cannot be used: %s", cert_file, key_file,
		  gnutls_strerror(rc));
	tls_unref(t);
	return NULL;
}

void tls_unref(struct tls *t)
{
	if (!t || --t->users > 0)
		return;
	if (t->credentials)
		gnutls_certificate_free_credentials(t->credentials);
	if (t->priority)
		gnutls_priority_deinit(t->priority);
	free(t);
}

void tls_ask_client(struct tls *t)
{
	t->ask = true;
}

void stream_open(struct stream *s, int fd, struct tls *tls)
{
	gnutls_session_t session;

	*s = (struct stream){ .fd = fd, .greeted = !tls };
	if (!tls)
		return;
	if (gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NONBLOCK) < 0)
		return; /* without a session it cannot be greeted: it ends there */
	gnutls_priority_set(session, tls->priority);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials);
	if (tls->ask)
		gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
	gnutls_transport_set_int(session, fd);
	s->session = session;
	s->tls = tls;
	tls->users++;
}

void stream_close(struct stream *s)
{
	if (s->session)
		gnutls_deinit(s->session);
	tls_unref(s->tls);
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct stream){ .fd = -1 };
}

int stream_greet(struct stream *s)
{
	int rc;

	if (s->greeted)
		return 1;
	if (!s->session)
		return -1;
	do
		rc = gnutls_handshake(s->session);
	while (rc == GNUTLS_E_INTERRUPTED || (rc < 0 && rc != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(rc)));
	s->greeted = rc == 0;
	return rc == 0 ? 1 : rc == GNUTLS_E_AGAIN ? 0 : -1;
}

const void *stream_peer_certificate(const struct stream *s, size_t *ret_len)
{
	unsigned n = 0;
	const gnutls_datum_t *list = s->session && s->greeted ? gnutls_certificate_get_peers(s->session, &n) : NULL;

	if (!list || n == 0)
		return NULL;
	*ret_len = list[0].size;
	return list[0].data;
}

bool stream_wants_write(const struct stream *s)
{
	return s->session && gnutls_record_get_direction(s->session) == 1;
}

static ssize_t tls_result(ssize_t rc)
{
	if (rc >= 0)
		return rc;
	if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED)
		return -EAGAIN;
	if (rc == GNUTLS_E_PREMATURE_TERMINATION)
		return 0;
	return -EPROTO;
}

ssize_t stream_read(struct stream *s, void *buf, size_t size)
{
	ssize_t n;

	if (s->session) {
		do
			n = gnutls_record_recv(s->session, buf, size);
		while (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_WARNING_ALERT_RECEIVED);
		/* no new handshakes on a session that runs: that is how TLS 1.2 was attacked */
		return tls_result(n);
	}
	do
		n = recv(s->fd, buf, size, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t stream_write(struct stream *s, const void *data, size_t len)
{
	ssize_t n;

	if (s->session) {
		/* a record that is half out is finished before anything else */
		n = s->sending > 0 ? gnutls_record_send(s->session, NULL, 0) : gnutls_record_send(s->session, data, len);
		s->sending = n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED ? (s->sending ? s->sending : len) : 0;
		return tls_result(n);
	}
	do
		n = send(s->fd, data, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

bool stream_pending(const struct stream *s)
{
	return s->session && s->greeted && gnutls_record_check_pending(s->session) > 0;
}

void stream_finish(struct stream *s)
{
	if (s->session && s->greeted)
		(void)gnutls_bye(s->session, GNUTLS_SHUT_WR);
	(void)shutdown(s->fd, SHUT_WR);
}
