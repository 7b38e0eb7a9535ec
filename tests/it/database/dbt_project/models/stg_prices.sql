select day, shop, price from raw_prices where price is not null
