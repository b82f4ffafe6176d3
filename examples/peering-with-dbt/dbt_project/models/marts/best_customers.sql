select * from {{ ref('customers') }} order by spent desc limit 5
