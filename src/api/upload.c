/* SPDX-License-Identifier: MIT */
/* Bodies that are not JSON, fed to their row's route_upload as they arrive. */
#include "base/multipart.h"
#include "api/request.h"

static int part_cb(void *data, const char *name, const char *filename, struct error *err)
{
	struct request *r = data;

	return r->route->upload->part(r->upload, name, filename, err);
}

static int bytes_cb(void *data, const void *bytes, size_t len, struct error *err)
{
	struct request *r = data;

	return r->route->upload->data(r->upload, bytes, len, err);
}

static const struct multipart_handler multipart_handler = { part_cb, bytes_cb };

static int begin_multipart(struct request *r, const char *content_type, struct error *err)
{
	if (!r->route->upload->part)
		return error_set(err, ERROR_INVALID, "multipart/form-data is not accepted here");
	r->multipart = multipart_new(content_type, &multipart_handler, r, err);
	return r->multipart ? 0 : -1;
}

int upload_begin(struct request *r, struct error *err)
{
	const char *content_type = request_header(r, "Content-Type");
	void *state;

	if (multipart_is(content_type) && begin_multipart(r, content_type, err) < 0)
		return -1;
	state = r->route->upload->begin(r, err);
	if (state && state != (void *)-1) {
		r->upload = state;
		return 0;
	}
	multipart_free(r->multipart);
	r->multipart = NULL;
	return state ? 0 : -1;
}

int upload_data(struct request *r, const void *data, size_t len, struct error *err)
{
	if (r->multipart)
		return multipart_feed(r->multipart, data, len, err);
	return r->route->upload->data(r->upload, data, len, err);
}

void upload_end(struct request *r)
{
	struct error err = ERROR_INIT;
	void *state = r->upload;

	if (r->multipart && multipart_finish(r->multipart, &err) < 0) {
		upload_abort(r);
		reply_error(r, &err);
		return;
	}
	multipart_free(r->multipart);
	r->multipart = NULL;
	r->upload = NULL;
	r->route->upload->end(r, state);
}

void upload_abort(struct request *r)
{
	void *state = r->upload;

	multipart_free(r->multipart);
	r->multipart = NULL;
	r->upload = NULL;
	if (state)
		r->route->upload->abort(state);
}
