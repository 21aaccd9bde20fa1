/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that commands read and write. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"

int file_open(const char *name, FILE **ret, struct weir_error *err)
{
	struct stat st;
	FILE *file = strcmp(name, "-") ? fopen(name, "re") : stdin;

	if (file && !fstat(fileno(file), &st) && S_ISDIR(st.st_mode)) {
		file_close(&file);
		errno = EISDIR;
	}
	if (!file)
		return weir_fail(err, errno, "cannot open '%s': %m", name);
	*ret = file;
	return 0;
}

void file_close(FILE **file)
{
	if (*file && *file != stdin)
		fclose(*file);
	*file = NULL;
}

static int cannot_write(const char *name, struct weir_error *err)
{
	return weir_fail(err, errno ? errno : EIO, "cannot write '%s': %m", name);
}

/* to the end of the file's life on this descriptor */
static int write_to(int fd, const char *name, file_print *print, const void *arg, struct weir_error *err)
{
	FILE *out = fdopen(fd, "w");
	int rc;

	if (!out) {
		rc = cannot_write(name, err);
		close(fd);
		return rc;
	}
	errno = 0;
	rc = print(out, arg);
	if (!rc && (fflush(out) || (fsync(fd) && errno != EINVAL && errno != EROFS)))
		rc = -errno;
	if (rc) {
		errno = -rc;
		rc = cannot_write(name, err);
	}
	fclose(out);
	return rc;
}

/* A new file beside the old one, then renamed over it: whoever reads it sees one or the other. Its mode is the old one's. */
static int write_beside(const char *path, mode_t mode, file_print *print, const void *arg, struct weir_error *err)
{
	char *temp = NULL;
	int fd, rc;

	if (asprintf(&temp, "%s.XXXXXX", path) < 0)
		return no_memory(err);
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0) {
		rc = cannot_write(path, err);
		free(temp);
		return rc;
	}
	rc = fchmod(fd, mode) ? cannot_write(path, err) : 0;
	if (rc)
		close(fd);
	else
		rc = write_to(fd, path, print, arg, err);
	if (!rc && rename(temp, path))
		rc = cannot_write(path, err);
	if (rc)
		unlink(temp);
	free(temp);
	return rc;
}

int file_save(const char *name, file_print *print, const void *arg, struct weir_error *err)
{
	char *path;
	struct stat st;
	mode_t mask;
	int fd, rc;

	if (stat(name, &st)) {
		mask = umask(0);
		umask(mask);
		return write_beside(name, 0666 & ~mask, print, arg, err);
	}
	if (!S_ISREG(st.st_mode)) { /* a device, a pipe */
		fd = open(name, O_WRONLY | O_CLOEXEC);
		return fd < 0 ? cannot_write(name, err) : write_to(fd, name, print, arg, err);
	}
	path = realpath(name, NULL); /* a link stays one */
	if (!path)
		return cannot_write(name, err);
	rc = write_beside(path, st.st_mode & 07777, print, arg, err);
	free(path);
	return rc;
}
