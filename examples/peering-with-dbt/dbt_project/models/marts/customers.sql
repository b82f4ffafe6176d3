select
    customers.customer_id,
    customers.name,
    customers.city,
    count(orders.order_id) as orders,
    coalesce(sum(orders.price), 0) as spent,
    max(orders.ordered_on) as last_ordered_on
from {{ ref('stg_customers') }} as customers
left join {{ ref('orders') }} as orders using (customer_id)
group by all
