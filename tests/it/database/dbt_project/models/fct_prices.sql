select day, count(*) as shops, avg(price) as price from {{ ref('stg_prices') }} group by day
