/* SPDX-License-Identifier: GPL-2.0-only */
/* Which sets an address is in: its class (weir/abi.h), as of now. */
#ifndef WEIR_BPF_SETS_H
#define WEIR_BPF_SETS_H

#include "bpf/hits.h"
#include "bpf/prefix.h"

#define CLASS_FLAGS (WEIR_IN_DROP | WEIR_IN_ALLOW) /* classes up to this one are their flags */

static __always_inline const struct weir_class *class_line(const struct weir_gen *gen, __u32 class)
{
	return (const void *)chunk_line(gen->classes, class);
}

/* What a class has become with time. Each step ends one membership at least, so there are not more of them than sets. */
__noinline __u32 class_now(__u32 classes, __u32 class)
{
	__u64 now = 0;

	for (int i = 0; i < WEIR_MAX_SETS; i++) {
		const struct weir_class *line = (const void *)chunk_line(classes, class);

		if (class <= CLASS_FLAGS || !line || !line->until)
			break;
		if (!now)
			now = bpf_ktime_get_coarse_ns();
		if (now < line->until)
			break;
		class = line->then;
	}
	return class;
}

/* The class of an address; 0: it is in no set. */
static __always_inline __u32 sets_class(const struct weir_gen *gen, const struct weir_addr *addr, bool v4)
{
	__u32 class = prefix_set_find(&gen->sets, addr, v4);

	return class > CLASS_FLAGS ? class_now(gen->classes, class) : class;
}

/* enum weir_class_flags */
static __always_inline __u32 class_flags(const struct weir_gen *gen, __u32 class)
{
	const struct weir_class *line;

	if (class <= CLASS_FLAGS)
		return class;
	line = class_line(gen, class);
	return line ? line->flags : 0;
}

#endif
