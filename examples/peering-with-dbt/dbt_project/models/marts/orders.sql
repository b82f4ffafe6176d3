with priced as (
    select order_id, sum(price) as price, sum(quantity) as flowers
    from {{ ref('stg_order_items') }}
    group by order_id
),

paid as (
    select order_id, sum(amount) as paid
    from {{ ref('stg_payments') }}
    group by order_id
)

select orders.*, priced.price, priced.flowers, coalesce(paid.paid, 0) as paid
from {{ ref('stg_orders') }} as orders
inner join priced using (order_id)
left join paid using (order_id)
