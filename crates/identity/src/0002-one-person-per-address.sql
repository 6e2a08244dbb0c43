CREATE UNIQUE INDEX address_index_mac ON address_index (mac);
