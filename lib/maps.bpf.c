/* SPDX-License-Identifier: GPL-2.0-only */
/* Every pinned map and no program: from this object the user side creates them and knows what they must look like. */
#include "bpf/account.h"
#include "bpf/capture.h"
#include "bpf/chunks.h"
#include "bpf/decap.h"
#include "bpf/edge.h"
#include "bpf/hits.h"
#include "bpf/policy.h"
#include "bpf/service.h"
#include "bpf/top.h"
#include "bpf/watch.h"
