/* SPDX-License-Identifier: GPL-2.0-only */
/* ethtool by ioctl, which every kernel has. */
#include "ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FEATURES_MAX 1024 /* far more than any kernel has */

static int ask(const char *dev, void *command)
{
	struct ifreq request = {.ifr_data = command};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", dev);
	if (ioctl(fd, SIOCETHTOOL, &request))
		rc = -errno;
	close(fd);
	return rc;
}

int ethtool_driver(const char *dev, char ret[ETHTOOL_DRIVER_MAX])
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	int rc = ask(dev, &info);

	if (!rc)
		snprintf(ret, ETHTOOL_DRIVER_MAX, "%.*s", (int)sizeof(info.driver) - 1, info.driver);
	return rc;
}

int ethtool_queues(const char *dev, struct ethtool_queues *ret)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	int rc = ask(dev, &channels);

	if (rc)
		return rc;
	if (!channels.rx_count && !channels.combined_count)
		return -ENODATA;
	*ret = (struct ethtool_queues){
		.now = channels.rx_count + channels.combined_count,
		.most = channels.max_rx > channels.max_combined ? channels.max_rx : channels.max_combined,
		.combined = channels.combined_count,
	};
	return 0;
}

/* how many features this kernel knows */
static int features_count(const char *dev, __u32 *ret)
{
	union {
		struct ethtool_sset_info info;
		__u32 room[sizeof(struct ethtool_sset_info) / sizeof(__u32) + 1];
	} sets = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES}};
	int rc = ask(dev, &sets);

	if (rc)
		return rc;
	if (!sets.info.sset_mask || !sets.info.data[0] || sets.info.data[0] > FEATURES_MAX)
		return -ENODATA;
	*ret = sets.info.data[0];
	return 0;
}

static void feature_find(struct ethtool_feature *feature, const struct ethtool_gstrings *names,
			 const struct ethtool_gfeatures *bits)
{
	for (__u32 i = 0; i < names->len; i++) {
		const struct ethtool_get_features_block *block = &bits->features[i / 32];
		__u32 bit = 1u << i % 32;

		if (strncmp((const char *)names->data + (size_t)i * ETH_GSTRING_LEN, feature->name, ETH_GSTRING_LEN))
			continue;
		feature->on = block->active & bit;
		feature->fixed = block->never_changed & bit || !(block->available & bit);
	}
}

int ethtool_features(const char *dev, struct ethtool_feature *features, size_t count)
{
	struct ethtool_gfeatures *bits;
	struct ethtool_gstrings *names;
	__u32 known, blocks;
	int rc = features_count(dev, &known);

	if (rc)
		return rc;
	blocks = (known + 31) / 32;
	names = calloc(1, sizeof(*names) + (size_t)known * ETH_GSTRING_LEN);
	bits = calloc(1, sizeof(*bits) + blocks * sizeof(bits->features[0]));
	rc = names && bits ? 0 : -ENOMEM;
	if (!rc) {
		*names =
			(struct ethtool_gstrings){.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES, .len = known};
		rc = ask(dev, names);
	}
	if (!rc) {
		*bits = (struct ethtool_gfeatures){.cmd = ETHTOOL_GFEATURES, .size = blocks};
		rc = ask(dev, bits);
	}
	if (!rc && (names->len > known || bits->size > blocks))
		rc = -EPROTO;
	for (size_t i = 0; !rc && i < count; i++)
		feature_find(&features[i], names, bits);
	free(names);
	free(bits);
	return rc;
}
