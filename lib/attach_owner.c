/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose a program is: the maps it uses tell, whoever attached it. */
#include <bpf/bpf.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach_parts.h"
#include "where.h"

#define PREFIX		"weir_"
#define MARK		"weir_attached" /* a map that no program reads, bound to those that weir attached */
#define MAPS_OF_PROGRAM 64

/* id and, when name is not NULL, name of a map */
static int map_id(int fd, __u32 *ret_id, char name[BPF_OBJ_NAME_LEN])
{
	struct bpf_map_info info = {};
	__u32 bytes = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &bytes))
		return -errno;
	if (name)
		memcpy(name, info.name, BPF_OBJ_NAME_LEN);
	*ret_id = info.id;
	return 0;
}

static int out_of_memory(struct weir_error *err)
{
	return no_memory(err);
}

static bool map_ids_hold(const struct map_ids *list, __u32 id)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->ids[i] == id)
			return true;
	}
	return false;
}

int instance_of_plane(const struct plane *p, struct instance *ret, struct weir_error *err)
{
	instance_auto i = {.maps.ids = calloc(PLANE_MAPS, sizeof(__u32))};

	if (!i.maps.ids)
		return out_of_memory(err);
	for (; i.maps.count < PLANE_MAPS; i.maps.count++) {
		int rc = map_id(p->maps[i.maps.count], &i.maps.ids[i.maps.count], NULL);

		if (rc)
			return weir_fail(err, -rc, "cannot tell the id of a map: %s", strerror(-rc));
	}
	*ret = i;
	i = (struct instance){};
	return 0;
}

/* ids of the maps that are pinned below dir (which may be a pattern) */
static int map_ids_pinned(const char *dir, struct map_ids *ret, struct weir_error *err)
{
	char pattern[sizeof(((struct plane *)NULL)->pin_dir) + sizeof(PREFIX) + 2];
	struct map_ids more;
	glob_t found = {};

	snprintf(pattern, sizeof(pattern), "%s/" PREFIX "*", dir);
	glob(pattern, 0, NULL, &found);
	more.count = ret->count;
	more.ids = reallocarray(ret->ids, ret->count + found.gl_pathc + 1, sizeof(*more.ids));
	for (size_t n = 0; more.ids && n < found.gl_pathc; n++) {
		fd_auto fd = bpf_obj_get(found.gl_pathv[n]);

		if (fd >= 0 && map_id(fd, &more.ids[more.count], NULL) == 0)
			more.count++;
	}
	globfree(&found);
	if (!more.ids)
		return out_of_memory(err);
	*ret = more;
	return 0;
}

int instance_of_orphans(struct instance *ret, struct weir_error *err)
{
	instance_auto i = {.orphans = true};
	struct plane where = {};
	int rc = where_name(&where, "", err);

	if (!rc)
		rc = map_ids_pinned(where.pin_dir, &i.pinned, err);
	if (!rc)
		rc = map_ids_pinned(BPFFS_INSTANCES "/*/tc/globals", &i.pinned, err);
	if (rc)
		return rc;
	*ret = i;
	i = (struct instance){};
	return 0;
}

void instance_free(struct instance *i)
{
	free(i->maps.ids);
	free(i->pinned.ids);
}

static void program_judge(const struct instance *ours, const __u32 *maps, __u32 count, struct program *ret)
{
	bool uses_ours = false, uses_pinned = false, uses_some = false, marked = false;

	for (__u32 n = 0; n < count; n++) {
		fd_auto fd = bpf_map_get_fd_by_id(maps[n]);
		char name[BPF_OBJ_NAME_LEN] = "";
		__u32 id = 0;

		if (fd < 0 || map_id(fd, &id, name) || strncmp(name, PREFIX, strlen(PREFIX)))
			continue;
		if (!strcmp(name, MARK)) {
			marked = true;
			continue;
		}
		uses_some = true;
		uses_ours = uses_ours || map_ids_hold(&ours->maps, id);
		uses_pinned = uses_pinned || map_ids_hold(&ours->pinned, id);
	}
	ret->owner = PROGRAM_WEIR;
	if (uses_ours || (ours->orphans && uses_some && !uses_pinned))
		ret->owner = PROGRAM_OURS;
	ret->by_hand = !marked;
}

int program_look(const struct instance *ours, __u32 id, struct program *ret, struct weir_error *err)
{
	__u32 maps[MAPS_OF_PROGRAM], bytes = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = {.nr_map_ids = MAPS_OF_PROGRAM, .map_ids = (__u64)(unsigned long)maps};
	struct program program = {.owner = PROGRAM_FOREIGN, .id = id};
	fd_auto fd = id ? bpf_prog_get_fd_by_id(id) : -1;

	if (!id || (fd < 0 && errno == ENOENT)) {
		*ret = (struct program){.owner = PROGRAM_NONE};
		return 0;
	}
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &bytes))
		return weir_fail(err, errno, "cannot look at the BPF program %u: %s", id, strerror(errno));
	memcpy(program.name, info.name, sizeof(program.name));
	if (!strncmp(info.name, PREFIX, strlen(PREFIX)))
		program_judge(ours, maps, info.nr_map_ids < MAPS_OF_PROGRAM ? info.nr_map_ids : MAPS_OF_PROGRAM,
			      &program);
	*ret = program;
	return 0;
}

/* Only says so in `status`: where a kernel refuses, the program counts as attached by hand. */
void program_mark(int prog_fd)
{
	fd_auto fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, MARK, sizeof(__u32), sizeof(__u32), 1, NULL);

	if (fd >= 0)
		bpf_prog_bind_map(prog_fd, fd, NULL);
}
