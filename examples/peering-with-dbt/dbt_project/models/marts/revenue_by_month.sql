select date_trunc('month', ordered_on) as month, sum(paid) as revenue
from {{ ref('orders') }}
where status != 'returned'
group by all
