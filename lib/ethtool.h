/* SPDX-License-Identifier: GPL-2.0-only */
/* What a device's driver says of itself (SIOCETHTOOL), in the caller's network namespace. Nothing is changed. */
#ifndef WEIR_ETHTOOL_H
#define WEIR_ETHTOOL_H

#include <stdbool.h>
#include <stddef.h>

#define ETHTOOL_DRIVER_MAX 32

/* -errno: the device does not say. */
int ethtool_driver(const char *dev, char ret[ETHTOOL_DRIVER_MAX]);

/* Receive queues, how many there can be, and as what `ethtool -L` sets them. */
struct ethtool_queues {
	unsigned int now, most;
	bool combined; /* with their transmit queues; else on their own */
};
int ethtool_queues(const char *dev, struct ethtool_queues *ret);

/* A feature by the kernel's name for it ("rx-lro"). A device that does not know it has it not. */
struct ethtool_feature {
	const char *name;
	bool on;
	bool fixed; /* cannot be switched off */
};
int ethtool_features(const char *dev, struct ethtool_feature *features, size_t count);

#endif
