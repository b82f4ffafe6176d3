with grown as (
    select species, avg(petal_area) as petal_area
    from {{ ref('stg_iris') }}
    group by species
)

select items.species, sum(items.quantity) as sold, any_value(grown.petal_area) as petal_area
from {{ ref('stg_order_items') }} as items
left join grown using (species)
group by items.species
